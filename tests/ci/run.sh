#!/bin/sh
# Holds what volley writes for CI, its JSON Schemas, and the recipes of action.yml and ci/ to readers that share no code with
# it. Needs python3 and a package index once; what it installs and makes lies under target/ci. Below a minute when installed.
set -eu
cd "$(dirname "$0")/../.."
work="$PWD/target/ci"
python="$work/venv/bin/python"
pytest=8.4.2
packages="check-jsonschema==0.39.0 hdrhistogram==0.10.8 jsonschema==4.26.0 prometheus_client==0.26.0 xmlschema==4.3.2"
mkdir -p "$work"
if [ "$(cat "$work/installed" 2>/dev/null)" != "$packages $pytest" ]; then
    rm -rf "$work/venv" "$work/installed"
    python3 -m venv "$work/venv" || { apt-get update -q && apt-get install -y -q python3-venv && python3 -m venv "$work/venv"; }
    # shellcheck disable=SC2086
    "$python" -m pip install --quiet --disable-pip-version-check $packages
    # The schema that JUnit files are held to, as pytest ships it.
    "$python" -m pip download --quiet --disable-pip-version-check --no-deps --no-binary :all: --dest "$work" "pytest==$pytest"
    tar -xzf "$work/pytest-$pytest.tar.gz" -C "$work" --strip-components=3 "pytest-$pytest/testing/example_scripts/junit-10.xsd"
    echo "$packages $pytest" >"$work/installed"
fi
cargo build --quiet
volley="$PWD/target/debug/volley"
rm -rf "$work/run"
code=0
# The first limit holds, the second cannot.
"$volley" run echo --clients 20 --rate 20/s --warmup 0s --duration 3s --limit 'errors count == 0' --limit 'echo p(50) < 1us' \
    --report html,png,junit,markdown,openmetrics,csv,hgrm,bencher,gh-benchmark,text --out "$work/run" --progress none >"$work/run.txt" || code=$?
# 4 says that this machine was too busy to measure well; the files have to agree all the same.
case $code in 4 | 10) ;; *) cat "$work/run.txt"; echo "exit code $code, not 10" >&2; exit 1 ;; esac
exec "$python" -B tests/ci/check.py "$volley" "$work"
