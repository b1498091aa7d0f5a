#!/usr/bin/env bash
# Build .venv from a lock file: exactly the pinned packages, each one checked against its hash.
# There are two stacks of packages (README.md, "Versions"): the default one, for CPython 3.13 and 3.12,
# and the old one, for CPython 3.10 and for systems whose C libraries the default one's wheels refuse.
# The newest Python that can be used here is taken; PYTHON=python3.12 (a name or a path) overrides.
# Needs bash, some Python 3 with pip, and a C++ compiler. A second call finds nothing to do and
# returns at once.
#   scripts/setup_env.sh --explain    says which stack it would take and why, and changes nothing
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

venv=.venv
tools=.cache/tools
uv=$tools/bin/uv
stamp=$venv/.installed-from
inputs=(requirements.lock requirements-py310.lock scripts/requirements-uv.txt setup.py scripts/setup_env.sh)

# What the wheels of ml-metadata and tensorflow-data-validation 1.21 are built for (manylinux_2_39).
needed_glibc=2.39
needed_libstdcxx=GLIBCXX_3.4.32

say() { printf '  %s\n' "$*" >&2; }
fail() { printf 'set-up failed: %s\n' "$*" >&2; exit 1; }

# Where a Python of a version may be; one line each.
candidates() {
    local version
    for version in "$@"; do
        command -v "python$version" || true
        compgen -G "${PYENV_ROOT:-${HOME:-}/.pyenv}/versions/$version.*/bin/python$version" || true
    done
    command -v python3 || true
}

# The commands in .venv name its folder, so a project that was moved needs a new one; so does one that
# another system with other C libraries sees, or that another Python is asked for.
wanted() {
    {
        pwd
        getconf GNU_LIBC_VERSION 2>/dev/null || true
        printf '%s\n' "${PYTHON:-}"
        candidates 3.13 3.12 3.10
        cat "${inputs[@]}"
    } | sha256sum | cut -d' ' -f1
}
up_to_date() {
    want=$(wanted)
    [ -x "$venv/bin/python" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$want" ]
}

case "${1:-}" in
    --explain) explain=1 ;;
    "") explain= ;;
    *) fail "unknown argument '$1'; there is --explain only" ;;
esac
[ -n "$explain" ] || ! up_to_date || exit 0

case "$(uname -s) $(uname -m)" in
    "Linux x86_64") ;;
    *) fail "the lock files are for Linux on x86_64, and this is $(uname -s) on $(uname -m); use a container" ;;
esac

# Two calls at once: the second waits, and then finds nothing to do.
mkdir -p .cache
if [ -z "$explain" ] && command -v flock >/dev/null; then
    exec 9>.cache/setup.lock
    if ! flock -n 9; then
        say "another set-up is going on, waiting for it"
        flock 9
        up_to_date && exit 0
    fi
fi

# CPython's version as 3.13; nothing from another implementation or a Python that does not run. (A
# pyenv shim can exist and still fail, so each candidate is run, not just looked up.)
version_of() {
    "$1" -c 'import sys
if sys.implementation.name == "cpython": print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true
}

# The first candidate of one of the versions, best first, as an absolute path.
find_cpython() {
    local version candidate
    for version in "$@"; do
        while IFS= read -r candidate; do
            if [ "$(version_of "$candidate")" = "$version" ]; then
                "$candidate" -c 'import sys; print(sys.executable)'
                return
            fi
        done < <(candidates "$version")
    done
    return 1
}

# Why the default stack cannot be used here; nothing where it can.
obstacle() {
    local glibc libstdcxx
    glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null | sed -n 's/^glibc //p')
    if [ -z "$glibc" ]; then
        echo "this system has no glibc, and needs $needed_glibc"
    elif [ "$(printf '%s\n' "$needed_glibc" "$glibc" | sort -V | head -1)" != "$needed_glibc" ]; then
        echo "this system has glibc $glibc, and tfx 1.21 needs $needed_glibc"
    else
        libstdcxx=$(PATH=$PATH:/sbin:/usr/sbin ldconfig -p 2>/dev/null |
            sed -n 's/.*libstdc++\.so\.6 (libc6,x86-64.*) => //p' | head -1)
        if [ -z "$libstdcxx" ] || ! grep -q "$needed_libstdcxx" "$libstdcxx"; then
            echo "libstdc++ ${libstdcxx:-(none found)} lacks $needed_libstdcxx, which tfx 1.21 needs"
        fi
    fi
}

find_python3_with_pip() {
    local candidate
    while IFS= read -r candidate; do
        if "$candidate" -m pip --version >/dev/null 2>&1; then
            printf '%s\n' "$candidate"
            return
        fi
    done < <(candidates 3)
    return 1
}

# uv installs the 3 GB in about a minute; pip would take many. It lives in .cache, not in .venv.
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

# Sets python and why.
choose_python() {
    local refused version
    refused=$(obstacle)
    if [ -n "${PYTHON:-}" ]; then
        python=$(command -v "$PYTHON") || fail "PYTHON is '$PYTHON', which is no command; give a name or a path"
        version=$(version_of "$python")
        case "$version" in
            3.12 | 3.13)
                [ -z "$refused" ] || fail "PYTHON is '$PYTHON', CPython $version, but $refused; give a CPython 3.10, or unset PYTHON" ;;
            3.10) ;;
            *)
                [ -z "$version" ] || version="CPython $version"
                fail "PYTHON is '$PYTHON', which is ${version:-no CPython that runs}; give a CPython 3.13, 3.12 or 3.10" ;;
        esac
        python=$("$python" -c 'import sys; print(sys.executable)')
        why="PYTHON asks for it"
    elif [ -n "$refused" ]; then
        why=$refused
        python=$(find_cpython 3.10) || fetch_python 3.10
    elif python=$(find_cpython 3.13 3.12); then
        why="the newest that was found"
    elif python=$(find_cpython 3.10); then
        why="neither 3.13 nor 3.12 was found"
    else
        why="none was found, so it was fetched"
        fetch_python 3.13
    fi
}

fetch_python() {
    if [ -n "$explain" ]; then
        python= version=$1
        return
    fi
    say "no CPython $1 here, fetching one through uv"
    "$uv" python install --quiet "$1" ||
        fail "CPython $1 was neither found nor fetched; install it (pyenv install $1) and call again"
    python=$("$uv" python find --managed-python "$1")
}

# pyfarmhash (and, for 3.10, crcmod) are not to be had as wheels.
check_compiler() {
    local headers
    command -v c++ >/dev/null || command -v g++ >/dev/null ||
        fail "no C++ compiler, which one package needs; install one (for example: apt-get install g++)"
    headers=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
    [ -f "$headers/Python.h" ] ||
        fail "no $headers/Python.h, which one package needs; install Python's headers (for example: apt-get install python3-dev)"
}

[ -n "$explain" ] || fetch_uv
choose_python
[ -z "$python" ] || version=$(version_of "$python")
case "$version" in
    3.10) stack="old stack (tfx 1.16)" lock=requirements-py310.lock ;;
    *) stack="default stack (tfx 1.21)" lock=requirements.lock ;;
esac
say "$stack on CPython $version: $why"
[ -z "$explain" ] || exit 0
check_compiler
say "installing $lock into $venv with $python"
rm -f "$stamp" # An interrupted set-up starts again.
if [ "$(version_of "$venv/bin/python")" != "$version" ] ||
    [ "$("$venv/bin/python" -c 'import sys; print(sys._base_executable)')" != "$("$python" -c 'import sys; print(sys._base_executable)')" ] ||
    ! grep -qsF "$PWD/$venv" "$venv/bin/activate"; then
    "$uv" venv --quiet --clear --python "$python" "$venv"
fi
# Where Python may not write bytecode, importing TensorFlow without it took three times as long.
"$uv" pip sync --quiet --compile-bytecode --python "$venv/bin/python" --require-hashes "$lock"
"$uv" pip install --quiet --python "$venv/bin/python" --no-deps --no-build-isolation --editable .
printf '%s\n' "$want" >"$stamp.part"
mv "$stamp.part" "$stamp"
