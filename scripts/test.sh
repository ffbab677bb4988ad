#!/usr/bin/env bash
# Passes the tests: the report in a real browser, unit and integration tests with foreign servers among them, then Prometheus
# servers that scrape a run, then runs with many machines over NATS.
set -euo pipefail
cd "$(dirname "$0")/.."
tests/browser/run.sh
cargo test --lib --bins --tests -- --test-threads 2
tests/prometheus.sh
tests/fleet/run.sh
