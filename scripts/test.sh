#!/usr/bin/env bash
# Passes the tests: the report in a real browser, unit and integration tests with foreign servers among them, runs with many
# machines over NATS too, then Prometheus servers that scrape a run, the manifests of agents, and a run over several hosts.
set -euo pipefail
cd "$(dirname "$0")/.."
tests/browser/run.sh
tests/fleet/run.sh prepare
VOLLEY_NATS_NEEDED=1 cargo test --lib --bins --tests -- --test-threads 3
tests/prometheus.sh
tests/fleet/run.sh manifests
tests/fleet/hosts.sh
