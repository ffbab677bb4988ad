//! A Kubernetes Indexed Job that starts agents. The index is only the shard that a pod would like; who owns a shard is
//! settled by claims, so a pod that runs twice spoils nothing.

use std::fmt::Write as _;

/// What the Job is to be.
pub(super) struct Job<'a> {
    pub(super) agents: u32,
    pub(super) cluster: &'a str,
    pub(super) image: &'a str,
    pub(super) pool: &'a str,
    pub(super) name: &'a str,
    pub(super) allow_target: &'a [String],
    pub(super) cpus: u32,
}

impl Job<'_> {
    /// As YAML. Texts are JSON strings, which YAML takes as they are.
    pub(super) fn yaml(&self) -> String {
        let text = |text: &str| serde_json::Value::from(text).to_string();
        let mut args = vec!["agent".to_owned(), "--once".into(), format!("--cluster={}", self.cluster), format!("--pool={}", self.pool)];
        args.extend(["--nats-nkey=/etc/volley/agent.nk".to_owned(), "--shard=$(JOB_COMPLETION_INDEX)".into()]);
        args.extend(self.allow_target.iter().map(|host| format!("--allow-target={host}")));
        let mut lines = String::new();
        args.iter().for_each(|arg| {
            let _ = writeln!(lines, "            - {}", text(arg));
        });
        format!(
            "\
# kubectl create secret generic {name} --from-file=agent.nk=volley-keys/agent.nk
# kubectl apply -f -    then: volley run .. --cluster .. --agents {agents}
apiVersion: batch/v1
kind: Job
metadata:
  name: {name}
  labels: {{app.kubernetes.io/name: volley, app.kubernetes.io/component: agent}}
spec:
  completionMode: Indexed
  completions: {agents}
  parallelism: {agents}            # all at once: the start waits for all of them
  backoffLimitPerIndex: 0    # volley decides what a loss means
  maxFailedIndexes: {agents}
  podReplacementPolicy: Failed
  activeDeadlineSeconds: 14400
  ttlSecondsAfterFinished: 86400
  template:
    metadata:
      labels: {{app.kubernetes.io/name: volley, app.kubernetes.io/component: agent}}
      annotations:
        cluster-autoscaler.kubernetes.io/safe-to-evict: \"false\"
        sidecar.istio.io/inject: \"false\"    # a sidecar would be measured instead of the server
        linkerd.io/inject: disabled
    spec:
      restartPolicy: Never
      automountServiceAccountToken: false
      enableServiceLinks: false
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: kubernetes.io/hostname
          whenUnsatisfiable: ScheduleAnyway
          labelSelector: {{matchLabels: {{app.kubernetes.io/name: volley, app.kubernetes.io/component: agent}}}}
      securityContext:
        runAsNonRoot: true
        runAsUser: 65532
        fsGroup: 65532
        seccompProfile: {{type: RuntimeDefault}}
        sysctls:
          - {{name: net.ipv4.ip_local_port_range, value: \"1024 65535\"}}
      containers:
        - name: agent
          image: {image}
          args:
{lines}          resources:
            requests: {{cpu: \"{cpus}\", memory: 2Gi}}
            limits: {{cpu: \"{cpus}\", memory: 2Gi}}
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: {{drop: [ALL]}}
          volumeMounts:
            - {{name: keys, mountPath: /etc/volley, readOnly: true}}
      volumes:
        - name: keys
          secret: {{secretName: {name}, defaultMode: 0440}}
",
            name = self.name,
            agents = self.agents,
            image = text(self.image),
            cpus = self.cpus,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stay_texts() {
        let allow = ["a\"b: c".to_owned()];
        let job = Job { agents: 3, cluster: "tls://n:4222", image: "x: y", pool: "p", name: "n", allow_target: &allow, cpus: 2 };
        let yaml = job.yaml();
        assert!(yaml.contains("- \"--allow-target=a\\\"b: c\"\n") && yaml.contains("image: \"x: y\"\n"), "{yaml}");
        assert!(yaml.contains("completions: 3\n"));
    }
}
