#!/usr/bin/env bash
# Packs volley for Debian and its kin; the package lies in target/debian. Needs cargo-deb (`cargo install --locked cargo-deb`).
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release --locked
made=target/packaging
mkdir -p "$made"
target/release/volley man >"$made/volley.1"
target/release/volley completions bash >"$made/volley.bash"
target/release/volley completions zsh >"$made/_volley"
target/release/volley completions fish >"$made/volley.fish"
cargo deb --no-build
