#!/usr/bin/env bash
# Are volley's service times the truth? Compares them with a packet capture of the same load.
#
#   benches/capture.sh sample   10,000 clients x 5/s for 30 s; the kernel filter keeps the client ports that are multiples
#                               of 32, because capturing every packet of this load would disturb what is measured
#   benches/capture.sh full     500 clients x 10/s for 30 s, every packet
#
# The volley that is tested: $VOLLEY, else target/release/volley beside this folder. Needs root (tcpdump on lo). Installs
# tcpdump with apt-get where it is absent. Prints both accounts side by side; exits with 1 when something could not be
# measured or the kernel dropped packets.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
volley=${VOLLEY:-$here/../target/release/volley}
duration_s=30
case ${1:-sample} in
  sample) clients=10000 rate=5 ;;
  full) clients=500 rate=10 ;;
  *) echo "usage: $0 [sample|full]" >&2; exit 2 ;;
esac

[ -x "$volley" ] || { echo "no volley at $volley; build it with cargo build --release, or set VOLLEY" >&2; exit 1; }
command -v tcpdump >/dev/null || { apt-get update -qq && apt-get install -y -qq tcpdump; } >&2

work=$(mktemp -d)
children=()
# Ends what was started here, by id, and removes the capture (it can be large).
finish() {
  for child in "${children[@]}"; do kill "$child" 2>/dev/null || true; done
  wait || true
  rm -rf "$work"
}
trap finish EXIT

# Waits until the file $1 has a line with $2.
wait_for() {
  for _ in $(seq 100); do
    grep -q "$2" "$1" 2>/dev/null && return
    sleep 0.1
  done
  echo "waited 10 s in vain for $2:" >&2
  cat "$1" >&2
  exit 1
}

# The server and tcpdump on the last core, volley on the first.
last_core=$(($(nproc) - 1))

taskset -c "$last_core" "$volley" serve echo --listen 127.0.0.1:0 >"$work/serve" 2>&1 &
children+=($!)
wait_for "$work/serve" listening
port=$(sed -n 's/.*"listening" *: *"[^"]*:\([0-9]*\)".*/\1/p' "$work/serve" | head -n 1)

filter="tcp and port $port"
if [ "${1:-sample}" = sample ]; then
  filter+=" and ((tcp[0:2] & 31 = 0 and dst port $port) or (tcp[2:2] & 31 = 0 and src port $port))"
fi
taskset -c "$last_core" tcpdump -i lo -Z root --time-stamp-precision=nano -s 256 -B 131072 -w "$work/pcap" "$filter" 2>"$work/tcpdump" &
tcpdump=$!
children+=("$tcpdump")
wait_for "$work/tcpdump" "listening on"

# A verdict of invalid (4) or a broken limit (10) still leaves figures to compare.
code=0
taskset -c 0 "$volley" run echo --target "ws://127.0.0.1:$port/" --clients "$clients" --rate "$rate/s" \
  --ramp 5s --warmup 3s --duration "${duration_s}s" --lanes 1 --set payload_bytes=64 \
  --report none --progress none --out "$work/run" >"$work/volley" 2>&1 || code=$?
if [ ! -f "$work/run/summary.json" ]; then
  echo "volley exited with $code and left no summary:" >&2
  cat "$work/volley" >&2
  exit 1
fi

sleep 1
kill -INT "$tcpdump"
wait "$tcpdump" || true
cat "$work/tcpdump" >&2
python3 "$here/capture.py" --pcap "$work/pcap" --port "$port" --last "$duration_s" --summary "$work/run/summary.json"
if ! grep -q "^0 packets dropped by kernel" "$work/tcpdump"; then
  echo "the kernel dropped packets: the capture is not the truth; run it on a quieter machine" >&2
  exit 1
fi
