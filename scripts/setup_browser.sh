#!/usr/bin/env bash
# Install Chromium and its driver for the tests that open pages in a browser, where apt and root are
# at hand. Optional: without them those tests are skipped, and say so.
set -euo pipefail

present() { { command -v chromium || command -v chromium-browser; } >/dev/null && command -v chromedriver >/dev/null; }
skip() { printf '  no browser installed: %s; tests in a browser will be skipped\n' "$*" >&2; exit 0; }

present && exit 0
command -v apt-get >/dev/null || skip "there is no apt-get here"
[ "$(id -u)" = 0 ] || skip "installing it takes root"
printf '  installing Chromium for the tests in a browser\n' >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium chromium-driver; } >"$log" 2>&1; then
    tail -5 "$log" >&2
    skip "apt-get failed (its last words are above)"
fi
present || skip "apt-get brought no chromium and chromedriver"
