#!/usr/bin/env bash
# What does `volley record` add to a round trip? 1,000 messages/s of `echo`, in turns directly and through a recorder, measured by
# volley itself; prints p50 and p99 of each turn and the median differences. Takes about two minutes; needs python3.
#   cargo build --release && benches/recorder.sh [target/release/volley [TURNS]]
set -euo pipefail
cd "$(dirname "$0")/.."
volley="$(realpath "${1:-target/release/volley}")"
turns="${2:-5}"
work="$(mktemp -d)"
children=()
end() {
    for child in "${children[@]}"; do kill -INT "$child" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap end EXIT

# Starts a command and waits for the address that it prints.
address() {
    local out="$work/$1"
    shift
    "$@" > "$out" 2> "$out.err" &
    children+=($!)
    until grep -qs '"url"' "$out"; do sleep 0.05; done
    url="$(python3 -c 'import json,sys; print(json.loads(open(sys.argv[1]).readline())["url"])' "$out")"
}
address server "$volley" serve echo
direct="$url"
address recorder "$volley" record --target "$direct" --out "$work/trace.ndjson"
recorded="$url"

for turn in $(seq "$turns"); do
    for way in direct recorded; do
        "$volley" run echo --target "${!way}" --clients 20 --rate 50/s --duration 8s --warmup 2s --lanes 1 --report none --format json \
            --progress none --out "$work/$way-$turn" > "$work/$way-$turn.json" || true
    done
done
python3 - "$work" "$turns" << 'EOF'
import json, statistics, sys
work, turns = sys.argv[1], int(sys.argv[2])
def quantiles(way, turn):
    summary = json.load(open(f"{work}/{way}-{turn}.json"))
    echo = next(s for s in summary["series"] if s["name"] == "echo")["service"]
    return [echo["p50"] / 1e6, echo["p99"] / 1e6], summary["verdict"]
differences = []
for turn in range(1, turns + 1):
    (direct, a), (recorded, b) = quantiles("direct", turn), quantiles("recorded", turn)
    differences.append([r - d for d, r in zip(direct, recorded)])
    print(f"turn {turn}: direct p50 {direct[0]:.3f} p99 {direct[1]:.3f} ms ({a}), recorded p50 {recorded[0]:.3f} p99 {recorded[1]:.3f} ms ({b})")
added = [statistics.median(d[i] for d in differences) for i in (0, 1)]
print(f"added: p50 {added[0]:.3f} ms, p99 {added[1]:.3f} ms (medians of {turns} turns)")
sys.exit(0 if added[0] <= 0.2 and added[1] <= 1.0 else 1)
EOF
