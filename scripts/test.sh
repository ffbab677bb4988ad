#!/usr/bin/env bash
# Passes the tests: unit and integration tests, foreign servers, and the report in a real browser.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo test --lib --bins --tests -- --test-threads 2
cargo test --doc
tests/browser/run.sh
