#!/usr/bin/env bash
# Two Prometheus servers scrape a run each second, one by protobuf for native histograms and one by text, and are asked for
# counters and quantiles: these must be those of summary.json. Needs python3; installs prometheus by apt-get when it is absent.
# Everything it makes lies under target/prometheus, and every port is of this machine only.
set -euo pipefail
cd "$(dirname "$0")/.."
kept=$PWD/target/prometheus
. tests/kit/servers.sh

prometheus_at() {
    local port=$1 name=$2
    shift 2
    start "$port" prometheus --config.file="$kept/prometheus.yml" --storage.tsdb.path="$kept/$name" \
        --web.listen-address="127.0.0.1:$port" --log.level=warn "$@"
}

if ! command -v prometheus >/dev/null; then
    apt-get update -q && apt-get install -y -q --no-install-recommends prometheus
fi
cargo build --quiet --bin volley
rm -rf "$kept"
mkdir -p "$kept"
server=$(free_port) metrics=$(free_port) native=$(free_port) text=$(free_port)
cat >"$kept/prometheus.yml" <<YML
global: { scrape_interval: 1s, scrape_timeout: 1s }
scrape_configs:
  - job_name: volley
    static_configs: [{ targets: ["127.0.0.1:$metrics"] }]
YML
start "$server" target/debug/volley serve echo --listen "127.0.0.1:$server" --delay lognormal:5ms:0.3
prometheus_at "$native" native --enable-feature=native-histograms
prometheus_at "$text" text
# A verdict of its own may be `invalid` on a busy machine; what is compared here are figures.
target/debug/volley run echo --target "ws://127.0.0.1:$server" --clients 20 --rate 20/s --warmup 2s --duration 12s \
    --metrics "127.0.0.1:$metrics" --out "$kept/run" --report none --progress none -q || [[ $? == 4 ]]
python3 tests/prometheus.py "$kept/run/summary.json" "$native" "$text"
