#!/usr/bin/env bash
# Runs with many machines, as processes on this one: controllers, agents and NATS servers that are killed, stopped and started
# again; then the Kubernetes Job against the schemas of two versions, and a run over network namespaces as hosts. `prepare` alone installs nats-server and libfaketime by apt-get when one is
# absent and stops the service that the package starts; `manifests` alone looks at the Job. Needs python3 and a package index.
set -euo pipefail
cd "$(dirname "$0")/../.."

prepare() {
    PATH=$PATH:/usr/sbin command -v nats-server >/dev/null && ls /usr/lib/*/faketime/libfaketime.so.1 >/dev/null 2>&1 && return
    apt-get update -q && apt-get install -y -q --no-install-recommends nats-server libfaketime
    if [[ -d /run/systemd/system ]]; then systemctl disable --now nats-server; fi
}

manifests() {
    local kept=$PWD/target/fleet version
    mkdir -p "$kept"
    if [[ ! -x $kept/venv/bin/kubernetes-validate ]]; then
        python3 -m venv "$kept/venv" || { apt-get update -q && apt-get install -y -q python3-venv && python3 -m venv "$kept/venv"; }
        "$kept/venv/bin/pip" install --quiet --disable-pip-version-check kubernetes-validate==1.37.0
    fi
    cargo run --quiet -- cluster manifest --agents 40 --cluster tls://nats.example.com:4222 --allow-target staging.example.com \
        >"$kept/job.yaml"
    sed 's/completionMode/completionModus/' "$kept/job.yaml" >"$kept/broken.yaml"
    for version in 1.29 1.33; do
        "$kept/venv/bin/kubernetes-validate" --strict -k "$version" "$kept/job.yaml"
        # The check has to see a break.
        if "$kept/venv/bin/kubernetes-validate" --strict -k "$version" "$kept/broken.yaml" >/dev/null 2>&1; then
            echo "a misspelt field was not seen by the schema of $version" >&2
            exit 1
        fi
    done
}

case ${1:-all} in
prepare) prepare ;;
manifests) manifests ;;
all)
    prepare
    VOLLEY_NATS_NEEDED=1 cargo test --quiet --test fleet --test fleet_proofs --test spares -- --test-threads 2
    manifests
    tests/fleet/hosts.sh
    ;;
*)
    echo "prepare, manifests, or nothing for all" >&2
    exit 2
    ;;
esac
