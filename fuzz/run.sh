#!/usr/bin/env bash
# Fuzzes: run.sh [seconds a target] [target..], all targets for 20 seconds by default. A finding ends it
# with the bytes in fuzz/artifacts; fix it and keep it as an ordinary test beside the code.
# What is new goes to target/fuzz-corpus; the seeds in fuzz/corpus stay as they are.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-20}
shift || true
command -v g++ >/dev/null || { apt-get update -q && apt-get install -y -q g++; }
export PATH="$PWD/target/tools/bin:$PATH"
command -v cargo-fuzz >/dev/null || cargo install --quiet --locked cargo-fuzz@0.13.2 --root target/tools --target-dir target/tools/build
# Without a sanitizer the stable toolchain will do; the code has no unsafe of its own.
fuzz=(-s none --target-dir target/fuzz)
cargo fuzz build "${fuzz[@]}"
targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(cargo fuzz list)
# What reserves beyond all measure fails, whether it touches it or not.
ulimit -v 4000000
for target in "${targets[@]}"; do
  mkdir -p "target/fuzz-corpus/$target"
  log="target/fuzz-corpus/$target.log"
  seeds=("target/fuzz-corpus/$target" "fuzz/corpus/$target")
  case "$target" in profile | transcript | matching) seeds+=(profiles) ;; esac
  limits=(-max_total_time="$seconds" -rss_limit_mb=1024 -timeout=10)
  if ! cargo fuzz run "${fuzz[@]}" "$target" "${seeds[@]}" -- "${limits[@]}" >"$log" 2>&1; then
    grep -E 'panicked|ERROR|assert|left:|right:|Test unit written' -A 2 "$log" || tail -40 "$log"
    echo "$target: found something; all of it is in $log" >&2
    exit 1
  fi
  echo "$target: $(tail -1 "$log")"
done
