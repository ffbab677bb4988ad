#!/usr/bin/env bash
# Builds volley and runs it once against its embedded reference server.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v cc >/dev/null || { apt-get update -q && apt-get install -y -q build-essential; }
cargo build --release
code=0
./target/release/volley run echo "$@" || code=$?
# 4 says that this machine was too busy to measure well. The report is there and says so too.
if [ "$code" -eq 4 ]; then echo "the run was recorded, and called invalid: see the reason above"; exit 0; fi
exit "$code"
