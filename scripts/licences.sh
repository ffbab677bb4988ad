#!/usr/bin/env bash
# Writes LICENSES-THIRD-PARTY.md anew from Cargo.lock; needed whenever a dependency comes, goes or changes.
set -euo pipefail
cd "$(dirname "$0")/.."
WRITE=1 cargo test --quiet --test licences
