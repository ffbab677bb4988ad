#!/usr/bin/env bash
# Passes the tests: the report in a real browser, then unit and integration tests, foreign servers among them.
set -euo pipefail
cd "$(dirname "$0")/.."
tests/browser/run.sh
cargo test --lib --bins --tests -- --test-threads 2
