#!/bin/sh
# Opens the report pages in Chromium and checks them: no error, one request, keyboard, width,
# accessibility; and imports the HAR of a page that talks to npm `ws`, and runs it. Needs node; installs Chromium by apt-get and
# the npm packages when they are absent.
# Everything it makes lies under target/. Screenshots: target/browser/shots.
set -eu
cd "$(dirname "$0")/../.."
browser="${CHROMIUM:-/usr/bin/chromium}"
work="target/browser"
mkdir -p "$work/shots"
if [ ! -x "$browser" ]; then
    apt-get update -q && apt-get install -y -q chromium
fi
if [ ! -d "$work/node_modules/playwright-core" ]; then
    PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm install --prefix "$work" --no-audit --no-fund playwright-core
fi
[ -d "$work/node_modules/ws" ] || npm install --prefix "$work" --no-audit --no-fund ws
# axe-core is a bonus: without it everything else is still checked.
[ -d "$work/node_modules/axe-core" ] || npm install --prefix "$work" --no-audit --no-fund axe-core || true
cargo test --quiet --test html pages_for_the_browser
cargo test --quiet --test compare
cargo build --quiet
CHROMIUM="$browser" node tests/browser/har.mjs "$work" target/debug/volley
CHROMIUM="$browser" exec node tests/browser/page.mjs "$work" target/tmp/pages "$@"
