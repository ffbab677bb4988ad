#!/usr/bin/env bash
# Passes the tests: the report in a real browser, unit and integration tests with foreign servers among them, runs with many
# machines over NATS too, then Prometheus servers that scrape a run, the manifests of agents, and a run over several hosts.
set -euo pipefail
cd "$(dirname "$0")/.."
export VOLLEY_NATS_NEEDED=1
tests/browser/run.sh
tests/fleet/run.sh prepare
cargo test --no-run --lib --bins --tests

# These wait more than they work, or are at ease with a busy machine: they go beside the others.
patient=(alloc faults fleet killed peers redial safety shards spares storm)
others=()
for file in tests/*.rs; do
  name=$(basename "$file" .rs)
  case " ${patient[*]} " in *" $name "*) ;; *) others+=(--test "$name") ;; esac
done
mkdir -p target/tmp
log=target/tmp/patient.log
cargo test "${patient[@]/#/--test=}" -- --test-threads 2 >"$log" 2>&1 &
patient_pid=$!
cargo test --lib --bins "${others[@]}" -- --test-threads 3 || { kill "$patient_pid" || true; exit 1; }
wait "$patient_pid" && good=true || good=false
cat "$log"
$good

tests/prometheus.sh
tests/fleet/run.sh manifests
tests/fleet/hosts.sh
