#!/usr/bin/env bash
# Build .venv from requirements.lock: exactly the pinned packages, every one checked against its hash.
# Needs bash and some Python 3 with pip. A second call finds nothing to do and returns at once.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

venv=.venv
tools=.cache/tools
want=$(cat requirements.lock scripts/requirements-uv.txt setup.py scripts/setup_env.sh | sha256sum | cut -d' ' -f1)
stamp=$venv/.installed-from
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ] && [ -x "$venv/bin/python" ]; then
    exit 0
fi

say() { printf '  %s\n' "$*" >&2; }
fail() { printf 'set-up failed: %s\n' "$*" >&2; exit 1; }

is_cpython310() {
    "$1" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 10) or sys.implementation.name != "cpython")' \
        >/dev/null 2>&1
}

# A shim named python3.10 can exist and still fail, so each candidate is run, not just looked up.
find_cpython310() {
    local candidate
    for candidate in \
        "$(command -v python3.10 || true)" \
        "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.10.*/bin/python3.10 \
        "$(command -v python3 || true)"; do
        if [ -n "$candidate" ] && [ -x "$candidate" ] && is_cpython310 "$candidate"; then
            "$candidate" -c 'import sys; print(sys.executable)'
            return
        fi
    done
}

any_python3() {
    local candidate
    for candidate in python3 python "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.*/bin/python3; do
        if "$candidate" -m pip --version >/dev/null 2>&1; then
            printf '%s\n' "$candidate"
            return
        fi
    done
}

# uv installs the 3 GB in well under a minute; pip would take many. It lives in .cache, not in the environment.
uv=$tools/bin/uv
if ! "$uv" --version 2>/dev/null | grep -qF "$(sed -n 's/^uv==\([0-9.]*\).*/\1/p' scripts/requirements-uv.txt)"; then
    python3=$(any_python3)
    [ -n "$python3" ] || fail "no Python 3 with pip was found; install one (for example: apt-get install python3-pip)"
    say "fetching uv"
    rm -rf "$tools"
    "$python3" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
        --target "$tools" -r scripts/requirements-uv.txt 2>.cache-pip.log ||
        { cat .cache-pip.log >&2; rm -f .cache-pip.log; fail "pip could not install uv (see above)"; }
    rm -f .cache-pip.log
fi

python310=$(find_cpython310)
if [ -z "$python310" ]; then
    say "no CPython 3.10 here, fetching one through uv"
    "$uv" python install --quiet 3.10 ||
        fail "CPython 3.10 was neither found nor fetched; install it (pyenv install 3.10) and call again"
    python310=$("$uv" python find --managed-python 3.10)
fi

say "building $venv with $python310"
rm -f "$stamp"
if ! is_cpython310 "$venv/bin/python"; then
    "$uv" venv --quiet --clear --python "$python310" "$venv"
fi
"$uv" pip sync --quiet --python "$venv/bin/python" --require-hashes requirements.lock
"$uv" pip install --quiet --python "$venv/bin/python" --no-deps --no-build-isolation --editable .
printf '%s\n' "$want" >"$stamp"
