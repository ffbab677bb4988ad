#!/usr/bin/env bash
# Asks cargo-deny about licences, banned and doubled packages, sources and, where its list can be had,
# known weaknesses (ADVISORIES=1). By hand: installing it takes minutes. The tests check licences and sources themselves.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/target/tools/bin:$PATH"
command -v cargo-deny >/dev/null || cargo install --quiet --locked cargo-deny --root target/tools --target-dir target/tools/build
cargo deny --all-features check licenses bans sources ${ADVISORIES:+advisories}
