#!/usr/bin/env bash
# Resolve setup.py with all its extras to the two lock files (Linux on x86_64): requirements.lock for
# CPython 3.12 and 3.13, requirements-py310.lock for 3.10. Needs neither of these Pythons.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

lock() {
    local file=$1
    shift
    .cache/tools/bin/uv pip compile setup.py --all-extras --generate-hashes --no-emit-index-url \
        --no-annotate --custom-compile-command "make lock" --quiet "$@" --output-file "$file"
}

lock requirements.lock --universal --python-version 3.12 "$@"
lock requirements-py310.lock --python-version 3.10 --python-platform x86_64-unknown-linux-gnu "$@"
