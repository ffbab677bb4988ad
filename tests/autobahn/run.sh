#!/usr/bin/env bash
# Autobahn's conformance cases (groups 1-7, 9, 10; nothing of compression) for volley's client and its reference
# server. Usage: run.sh [client|server|both]. Fails unless every case passes. Needs CPython 2.7, which Autobahn is
# written for (PYTHON27 names it; pyenv's is found), python3, and a package index; the rest is kept in target/autobahn.
#
# The client goes through all cases as an echo made of its frames and sockets (agent.rs), and through those that ask for
# no echo as `volley run` itself: pings, closes, and everything that breaks the protocol.
set -euo pipefail
cd "$(dirname "$0")/../.."
what=${1:-both}
[[ $what =~ ^(client|server|both)$ ]] || { echo "run.sh [client|server|both]" >&2; exit 2; }
kept=$PWD/target/autobahn
wstest=$kept/env/bin/wstest
agent=target/debug/examples/autobahn_agent
groups=(1=16 2=11 3=7 4=10 5=20 6=145 7=37 9=54 10=1)
. tests/kit/servers.sh

python27() {
    for python in "${PYTHON27:-}" python2.7 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/2.7.*/bin/python2.7; do
        if [[ -n $python ]] && "$python" -c 'import sys; sys.exit(sys.version_info[:2] != (2, 7))' 2>/dev/null; then
            echo "$python"
            return
        fi
    done
    echo "no CPython 2.7 was found; name one in PYTHON27" >&2
    exit 2
}

install() {
    [[ -x $wstest ]] && return
    local python
    python=$(python27)
    mkdir -p "$kept"
    "$python" -m pip install --quiet --disable-pip-version-check --target "$kept/virtualenv" 'virtualenv==20.15.1'
    PYTHONPATH=$kept/virtualenv "$python" -m virtualenv --quiet "$kept/env"
    "$kept/env/bin/pip" install --quiet --disable-pip-version-check 'autobahntestsuite==25.10.1'
}

# Starts a fuzzing server at $port that judges into the folder $1, with the cases $2 but $3.
fuzzing_server() {
    port=$(free_port)
    rm -rf "${kept:?}/$1"
    cat >"$kept/$1.json" <<SPEC
{ "url": "ws://127.0.0.1:$port", "outdir": "$kept/$1", "cases": $2, "exclude-cases": $3, "exclude-agent-cases": {} }
SPEC
    start "$port" "$wstest" -m fuzzingserver -u 0 -s "$kept/$1.json"
}

run_client() {
    fuzzing_server client '["*"]' '["12.*", "13.*"]'
    "$agent" client "ws://127.0.0.1:$port"
    python3 tests/autobahn/check.py "$kept/client/index.json" "${groups[@]}"
}

# A client of the load that sends nothing in its one second, once for each case, eight at a time.
run_load() {
    fuzzing_server load '["2.*", "3.*", "4.*", "5.*", "6.*", "7.*"]' '["5.3", "5.4", "5.5", "5.6", "5.7", "5.8", "5.19",
        "5.20", "6.1.*", "6.2.*", "6.5.*", "6.6.2", "6.6.5", "6.6.7", "6.6.9", "6.6.11", "6.7.*", "6.9.*", "6.11.1",
        "6.11.2", "6.11.3", "6.11.4", "6.22.*", "6.23.*", "7.1.1"]'
    local url="ws://127.0.0.1:$port/runCase?agent=load&case="
    local still=(--clients 1 --lanes 1 --rate 0.001/s --warmup 0s --duration 1s --timeout 1s --report none --progress none)
    # A verdict of its own may be anything: the fuzzing server judges.
    seq 1 151 | xargs -P 8 -I{} sh -c '"$@" >/dev/null 2>&1 || true' - \
        target/debug/volley run echo --target "$url{}" --out "$kept/load/run-{}" "${still[@]}"
    "$agent" report "ws://127.0.0.1:$port" load
    python3 tests/autobahn/check.py "$kept/load/index.json" 2=11 3=7 4=10 5=12 6=75 7=36
}

run_server() {
    port=$(free_port)
    # The largest message of any case is 16 MiB.
    start "$port" target/debug/volley serve echo --listen "127.0.0.1:$port" --message-cap 16MiB
    rm -rf "${kept:?}/serve"
    cat >"$kept/serve.json" <<SPEC
{ "outdir": "$kept/serve", "servers": [{ "agent": "volley serve echo", "url": "ws://127.0.0.1:$port" }],
  "cases": ["*"], "exclude-cases": ["12.*", "13.*"], "exclude-agent-cases": {} }
SPEC
    # The fuzzing client says nothing in its exit code; what counts is its report.
    "$wstest" -m fuzzingclient -s "$kept/serve.json" >"$kept/serve.log" 2>&1 || { tail "$kept/serve.log" >&2; exit 1; }
    python3 tests/autobahn/check.py "$kept/serve/index.json" "${groups[@]}"
}

install
cargo build --quiet --bin volley --example autobahn_agent
if [[ $what != server ]]; then
    run_client
    run_load
fi
if [[ $what != client ]]; then
    run_server
fi
