#!/usr/bin/env bash
# Build .venv from requirements.lock: exactly the pinned packages, each one checked against its hash.
# Needs bash and some Python 3 with pip. A second call finds nothing to do and returns at once.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

venv=.venv
tools=.cache/tools
uv=$tools/bin/uv
stamp=$venv/.installed-from
inputs=(requirements.lock scripts/requirements-uv.txt setup.py scripts/setup_env.sh)

say() { printf '  %s\n' "$*" >&2; }
fail() { printf 'set-up failed: %s\n' "$*" >&2; exit 1; }

# The commands in .venv name its folder, so a project that was moved needs a new one.
wanted() { { pwd; cat "${inputs[@]}"; } | sha256sum | cut -d' ' -f1; }
up_to_date() {
    want=$(wanted)
    [ -x "$venv/bin/python" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$want" ]
}

up_to_date && exit 0

case "$(uname -s) $(uname -m)" in
    "Linux x86_64") ;;
    *) fail "requirements.lock is for Linux on x86_64, and this is $(uname -s) on $(uname -m); use a container" ;;
esac

# Two calls at once: the second waits, and then finds nothing to do.
mkdir -p .cache
if command -v flock >/dev/null; then
    exec 9>.cache/setup.lock
    if ! flock -n 9; then
        say "another set-up is going on, waiting for it"
        flock 9
        up_to_date && exit 0
    fi
fi

is_cpython310() {
    "$1" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 10) or sys.implementation.name != "cpython")' \
        >/dev/null 2>&1
}

# A pyenv shim named python3.10 can exist and still fail, so each candidate is run, not just looked up.
find_cpython310() {
    local candidate
    for candidate in \
        "$(command -v python3.10)" \
        "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/3.10.*/bin/python3.10 \
        "$(command -v python3)"; do
        if [ -x "$candidate" ] && is_cpython310 "$candidate"; then
            "$candidate" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    return 1
}

find_python3_with_pip() {
    local candidate
    for candidate in python3 python "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/3.*/bin/python3; do
        if "$candidate" -m pip --version >/dev/null 2>&1; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    return 1
}

# uv installs the 3 GB in well under a minute; pip would take many. It lives in .cache, not in .venv.
fetch_uv() {
    local version python3 log
    version=$(sed -n 's/^uv==\([0-9.]*\).*/\1/p' scripts/requirements-uv.txt)
    case "$("$uv" --version 2>/dev/null)" in "uv $version" | "uv $version "*) return ;; esac
    python3=$(find_python3_with_pip) ||
        fail "no Python 3 with pip was found; install one (for example: apt-get install python3-pip)"
    say "fetching uv $version"
    rm -rf "$tools"
    log=$(mktemp)
    if ! "$python3" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
        --target "$tools" -r scripts/requirements-uv.txt >"$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        fail "pip could not install uv (its words are above)"
    fi
    rm -f "$log"
}

fetch_uv
if ! python310=$(find_cpython310); then
    say "no CPython 3.10 here, fetching one through uv"
    "$uv" python install --quiet 3.10 ||
        fail "CPython 3.10 was neither found nor fetched; install it (pyenv install 3.10) and call again"
    python310=$("$uv" python find --managed-python 3.10)
fi

say "installing requirements.lock into $venv with $python310"
rm -f "$stamp" # An interrupted set-up starts again.
if ! is_cpython310 "$venv/bin/python" || ! grep -qsF "$PWD/$venv" "$venv/bin/activate"; then
    "$uv" venv --quiet --clear --python "$python310" "$venv"
fi
"$uv" pip sync --quiet --compile-bytecode --python "$venv/bin/python" --require-hashes requirements.lock
"$uv" pip install --quiet --python "$venv/bin/python" --no-deps --no-build-isolation --editable .
printf '%s\n' "$want" >"$stamp.part"
mv "$stamp.part" "$stamp"
