#!/usr/bin/env bash
# Install what some tests drive, where apt and root are at hand: Chromium for the pages, PostgreSQL for
# the template store, git for what a report says of the code. Optional: without one of them its tests are skipped, and say so.
set -euo pipefail

browser() { { command -v chromium || command -v chromium-browser; } && command -v chromedriver; }
database() { command -v initdb || compgen -G "/usr/lib/postgresql/*/bin/initdb"; }
skip() { printf '  %s: its tests will be skipped\n' "$*" >&2; exit 0; }

wanted=()
browser >/dev/null || wanted+=(chromium chromium-driver)
database >/dev/null || wanted+=(postgresql)
command -v git >/dev/null || wanted+=(git)
[ "${#wanted[@]}" -gt 0 ] || exit 0
command -v apt-get >/dev/null || skip "no apt-get here to install ${wanted[*]}"
[ "$(id -u)" = 0 ] || skip "it takes root to install ${wanted[*]}"
printf '  installing %s for the tests\n' "${wanted[*]}" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${wanted[@]}"; } >"$log" 2>&1; then
    tail -5 "$log" >&2
    skip "apt-get could not install ${wanted[*]} (its last words are above)"
fi
browser >/dev/null || skip "apt-get brought no chromium and chromedriver"
database >/dev/null || skip "apt-get brought no PostgreSQL server"
