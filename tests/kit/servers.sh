# Shared by tests that start servers: a free port, programs that are ready once they listen, and their end with the script's.
# Sourced with `kept` set to the folder for their logs.
started=()
trap 'for id in "${started[@]}"; do kill "$id" 2>/dev/null && wait "$id" || true; done' EXIT

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# Starts a program that is ready once something listens at the port.
start() {
    local port=$1
    shift
    "$@" >"$kept/started-$port.log" 2>&1 &
    started+=($!)
    for _ in {1..200}; do
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && return
        sleep 0.1
    done
    echo "nobody listens at port $port: $*" >&2
    cat "$kept/started-$port.log" >&2
    exit 1
}
