//! Environment and recipe: everything one needs to know to judge or repeat a run.

use crate::record::Machine;
use crate::record::Manifest;
use crate::units::Nanos;
use crate::units::bytes_text;
use crate::units::grouped;

/// Rows of name and value.
pub(super) fn rows(manifest: &Manifest) -> Vec<(String, String)> {
    let mut rows = recipe(manifest);
    rows.extend(machine(&manifest.machine));
    rows.extend([("volley", manifest.version.clone()), ("run", manifest.id.clone()), ("started", manifest.started.clone())]);
    if manifest.shards > 1 || !manifest.agents.is_empty() {
        rows.push(("shards", manifest.shards.to_string()));
        rows.push(("agents", manifest.agents.join(", ")));
    }
    let vars = manifest.plan.vars.iter().map(|(name, value)| (format!("set {name}"), value.clone()));
    rows.into_iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name.to_owned(), value)).chain(vars).collect()
}

fn recipe(manifest: &Manifest) -> Vec<(&'static str, String)> {
    let plan = &manifest.plan;
    let time = |ns: u64| Nanos(ns).to_string();
    let target = format!("{}{}", plan.target, if plan.reference_server { " (reference server)" } else { "" });
    let load = match (plan.closed, &plan.rate) {
        (Some(n), _) => format!("closed loop, {n} outstanding a client"),
        (None, Some(rate)) if plan.trace.is_some() => rate.clone(),
        (None, Some(rate)) => format!("{rate} a client"),
        (None, None) => "connections only".into(),
    };
    vec![
        ("profile", plan.profile.clone()),
        ("dialect", plan.dialect.clone().unwrap_or_default()),
        ("target", target),
        ("address", if plan.reference_server { String::new() } else { plan.address.clone() }),
        ("HTTP requests to", plan.http.clone().unwrap_or_default()),
        ("from", plan.sources.join(", ")),
        ("TLS", if plan.insecure { "NOT VERIFIED (--insecure)".into() } else { String::new() }),
        ("clients", plan.presence.as_ref().map_or(grouped(plan.clients), |shape| format!("up to {}: {shape}", grouped(plan.clients)))),
        ("load", load),
        ("ramp", time(plan.ramp_ns)),
        ("warm-up", time(plan.warmup_ns)),
        ("duration", time(plan.duration_ns)),
        ("timeout", time(plan.timeout_ns)),
        ("seed", plan.seed.to_string()),
        ("lanes", plan.lanes.to_string()),
        ("stamps", plan.stamps.clone()),
        ("precise", if plan.precise { "on".into() } else { String::new() }),
        ("hops", if plan.hops.is_some() { "on".into() } else { String::new() }),
        ("harm", plan.harm.clone().unwrap_or_default()),
    ]
}

fn machine(machine: &Machine) -> Vec<(&'static str, String)> {
    let known = |n: u64, text: String| if n > 0 { text } else { String::new() };
    vec![
        ("kernel", machine.kernel.clone()),
        ("CPU", machine.cpu.clone()),
        ("CPUs allowed", known(machine.cpus.into(), machine.cpus.to_string())),
        ("CPU quota", machine.cgroup_cpus.map_or(String::new(), |cpus| format!("{cpus} CPUs"))),
        ("memory", known(machine.memory_bytes, bytes_text(machine.memory_bytes))),
        ("open files allowed", known(machine.files, grouped(machine.files))),
        ("clock", machine.clock.clone()),
    ]
}

/// The command line that repeats the run, quoted for a shell, with the seed that was used.
pub(super) fn repeat(manifest: &Manifest) -> String {
    let command = &manifest.command;
    let named = command.first().is_some_and(|word| word.rsplit('/').next() == Some("volley"));
    let rest = if named { &command[1..] } else { &command[..] };
    let mut words: Vec<String> = vec!["volley".into()];
    words.extend(rest.iter().map(|word| quoted(word)));
    if !rest.iter().any(|word| word == "--seed" || word.starts_with("--seed=")) {
        words.push(format!("--seed {}", manifest.plan.seed));
    }
    words.join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=/.:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    let word: String = word.chars().filter(|c| !c.is_control()).collect();
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_a_shell() {
        for (word, shell) in
            [("a", "a"), ("", "''"), ("a b", "'a b'"), ("it's", "'it'\\''s'"), ("--rate=10/s", "--rate=10/s"), ("$x", "'$x'")]
        {
            assert_eq!(quoted(word), shell);
        }
    }
}
