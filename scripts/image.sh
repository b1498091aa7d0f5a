#!/usr/bin/env bash
# What makes a bare Debian 13 into a machine that runs this project, step by step. Dockerfile and
# scripts/debian13.sh both call it, so that what is tested in one is what is shipped in the other.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

install() {
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "$@" >/dev/null
    rm -rf /var/lib/apt/lists/*
}

case "${1:-}" in
    packages) # all that is needed to run
        install ca-certificates python3 ;;
    build-packages) # and to build the environment
        install ca-certificates g++ make python3 python3-dev python3-pip ;;
    environment) # .venv, from the lock file
        PYTHON=/usr/bin/python3 scripts/setup_env.sh
        ;;
    user) # who runs it, and where he may write
        id -u faceauth >/dev/null 2>&1 || useradd --uid 10001 --create-home faceauth
        for folder in runs serving/models data/synthetic; do
            mkdir -p "$folder"
            chown faceauth: "$folder"
        done
        ;;
    *)
        echo "usage: scripts/image.sh packages | build-packages | environment | user" >&2
        exit 2
        ;;
esac
