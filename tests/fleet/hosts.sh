#!/usr/bin/env bash
# A run over four hosts, each a network namespace of its own: NATS, the reference server and the controller on one, an agent on
# each of three others, joined by a bridge. What was merged has to be, byte by byte, the sum of what the agents kept themselves,
# and a changed byte has to be seen. Needs root, ip, python3, nats-server; passed over where namespaces are not allowed.
#   tests/fleet/hosts.sh [PATH-TO-VOLLEY]
set -euo pipefail
cd "$(dirname "$0")/../.."
if [[ -z ${1:-} ]]; then cargo build --quiet; fi
volley=$(realpath "${1:-target/debug/volley}")
PATH=$PATH:/usr/sbin
name=volley-$$
work=$(mktemp -d)
children=()

passed_over() {
    echo "PASSED OVER: $1; no run over several hosts was tried" >&2
    exit 0
}

end() {
    for child in "${children[@]}"; do kill "$child" 2>/dev/null || true; done
    wait
    for host in hub a b c; do ip netns del "$name-$host" 2>/dev/null || true; done
    rm -rf "$work"
}

# Runs a command on a host.
on() {
    local host=$1
    shift
    exec ip netns exec "$name-$host" "$@"
}

# Waits until a file has what was said to come.
await() {
    local tries=0
    until grep -qs "$2" "$1"; do
        if ((++tries > 200)); then
            echo "\`$2\` never came:" >&2
            cat "$1" >&2
            exit 1
        fi
        sleep 0.1
    done
}

hosts() {
    local n=1 host
    ip -n "$name-hub" link add bridge type bridge
    ip -n "$name-hub" addr add 10.77.0.1/24 dev bridge
    ip -n "$name-hub" link set bridge up
    for host in hub a b c; do ip -n "$name-$host" link set lo up; done
    for host in a b c; do
        n=$((n + 1))
        ip -n "$name-hub" link add "to-$host" type veth peer name eth0 netns "$name-$host"
        ip -n "$name-hub" link set "to-$host" master bridge up
        ip -n "$name-$host" addr add "10.77.0.$n/24" dev eth0
        ip -n "$name-$host" link set eth0 up
    done
}

command -v ip >/dev/null || passed_over "there is no ip (iproute2)"
command -v nats-server >/dev/null || passed_over "there is no nats-server"
ip netns add "$name-hub" 2>"$work/why" || passed_over "network namespaces are not allowed here ($(cat "$work/why"))"
trap end EXIT
for host in a b c; do ip netns add "$name-$host"; done
hosts

printf 'listen: 10.77.0.1:4222\njetstream { store_dir: "%s/store", max_mem: 64MB, max_file: 1GB }\n' "$work" >"$work/nats.conf"
(on hub nats-server -c "$work/nats.conf" 2>"$work/nats.log") &
children+=($!)
await "$work/nats.log" "Server is ready"
(on hub "$volley" serve echo --listen 10.77.0.1:0 >"$work/server") &
children+=($!)
await "$work/server" '"url"'
url=$(python3 -c 'import json,sys; print(json.loads(open(sys.argv[1]).readline())["url"])' "$work/server")
at=(--cluster nats://10.77.0.1:4222 --insecure-nats)
(on hub "$volley" cluster init --size 64MiB "${at[@]}")

agents=()
for host in a b c; do
    (on "$host" "$volley" agent --once --keep "$work/$host" --allow-target 10.77.0.1 "${at[@]}" 2>"$work/agent-$host.log") &
    agents+=($!)
    children+=($!)
done
code=0
(on hub "$volley" run echo --target "$url" --agents 3 --clients 60 --rate 50/s --ramp 1s --warmup 1s --duration 5s --timeout 5s \
    --allow-host 10.77.0.1 --report none --progress none --out "$work/merged" "${at[@]}" >"$work/run.log" 2>&1) || code=$?
# 4 says that this machine was too busy to measure well; the sums hold all the same.
case $code in 0 | 4) ;; *) cat "$work/run.log" "$work"/agent-*.log >&2; exit 1 ;; esac
for agent in "${agents[@]}"; do wait "$agent"; done
grep -h "fleet:" "$work/run.log"
kept=("$work"/[abc]/*)
[[ ${#kept[@]} == 3 ]] || { echo "${#kept[@]} records were kept by 3 agents" >&2; exit 1; }
python3 -B tests/fleet/sum.py "$work/merged" "${kept[@]}"
"$volley" report "${kept[0]}" --report none >"$work/report" || true
grep -q "20 clients" "$work/report" || { cat "$work/report"; echo "what an agent kept is no report" >&2; exit 1; }
python3 -B tests/fleet/sum.py --spoil "${kept[1]}"
if python3 -B tests/fleet/sum.py "$work/merged" "${kept[@]}"; then
    echo "a changed byte was not seen" >&2
    exit 1
fi
echo "and a changed byte is seen"
