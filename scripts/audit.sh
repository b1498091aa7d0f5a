#!/usr/bin/env bash
# Look the packages of both lock files up among known vulnerabilities, with pip-audit in an environment
# of its own. What SECURITY.md has judged is left out. Needs a network; fails on what is new, and says
# so when the service does not answer, or does not know a package (--strict).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

pip_audit="pip-audit>=2.9,<3"

judged=()
while read -r id; do
    judged+=(--ignore-vuln "$id")
done < <(grep -E '^\| (CVE|GHSA|PYSEC)-' SECURITY.md | cut -d'|' -f2 |
    grep -oE '(CVE|GHSA|PYSEC)-[A-Za-z0-9-]+' | sort -u)

audit() {
    .cache/tools/bin/uv tool run --quiet --from "$pip_audit" pip-audit --requirement "$1" \
        --disable-pip --require-hashes --strict --progress-spinner off "${judged[@]}"
}

failed=0
for lock in requirements.lock requirements-py310.lock; do
    printf '== %s\n' "$lock"
    code=0
    said=$(audit "$lock" 2>&1) || code=$?
    printf '%s\n' "$said"
    if [ "$code" -ne 0 ]; then
        failed=1
        if ! grep -q 'known vulnerabilit' <<<"$said"; then
            printf 'make audit: %s was not looked up: pip-audit or its vulnerability service cannot be ' "$lock" >&2
            printf 'reached from here (its words are above); run it where there is a network\n' >&2
            exit 2
        fi
        printf 'make audit: judge what is new in %s: raise the pin, or add it to SECURITY.md\n' "$lock" >&2
    fi
done
exit "$failed"
