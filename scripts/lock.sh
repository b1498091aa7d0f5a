#!/usr/bin/env bash
# Resolve setup.py with all its extras to requirements.lock (linux x86_64, CPython 3.10).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
.cache/tools/bin/uv pip compile setup.py --all-extras --python .venv/bin/python \
    --python-version 3.10 --python-platform x86_64-unknown-linux-gnu --generate-hashes \
    --no-emit-index-url --no-annotate --custom-compile-command "make lock" --quiet "$@" \
    --output-file requirements.lock
