#!/usr/bin/env bash
# Run a command on the default stack, in a Debian 13 of its own, without a container engine: for
# machines whose C libraries are too old for it. The steps are those of Dockerfile (scripts/image.sh).
#   scripts/debian13.sh make test
# Needs root, mmdebstrap (installed where apt can) and Debian's packages. The system lies in
# .cache/debian13 and is made again when its recipe changes; the project is copied in at each call.
# LFW_DIR is mounted read-only; UV_CACHE_DIR, or uv's usual cache, is shared.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

root=$PWD/.cache/debian13
project=/opt/faceauth
recipe=(scripts/debian13.sh scripts/image.sh scripts/setup_test_tools.sh)

say() { printf '  %s\n' "$*" >&2; }
fail() { printf 'no Debian 13 here: %s\n' "$*" >&2; exit 1; }

[ "$#" -gt 0 ] || fail "which command? For example: scripts/debian13.sh make test"
[ "$(id -u)" = 0 ] || fail "it takes root (mmdebstrap, mount and chroot), and this is $(id -un)"
if ! command -v mmdebstrap >/dev/null; then
    command -v apt-get >/dev/null || fail "mmdebstrap is missing, and there is no apt-get to install it"
    say "installing mmdebstrap"
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends mmdebstrap; } >/dev/null 2>&1 ||
        fail "mmdebstrap is missing, and apt-get could not install it"
fi
unshare --mount true 2>/dev/null || fail "this machine does not allow mounts (unshare --mount)"

# Where this machine's own apt gets Debian from, or else mmdebstrap's default.
mirror() {
    apt-get indextargets --format '$(SITE)' 'Origin: Debian' 2>/dev/null | grep -v security | head -1 || true
}

# Runs a command in the root as a user, with the mounts that programs expect. They go with it, and so
# does every process that it started.
inside() {
    local user=$1
    shift
    root=$root project=$project user=$user lfw=${LFW_DIR:+$(realpath "$LFW_DIR")} \
        cache=${UV_CACHE_DIR:-${HOME:-/root}/.cache/uv} \
        unshare --mount --pid --fork --kill-child bash -c '
            set -euo pipefail
            mount -t proc proc "$root/proc"
            mount --rbind /dev "$root/dev"
            mount -t tmpfs tmpfs "$root/tmp"
            mkdir -p "$cache" "$root/var/cache/uv" "$root/srv/lfw"
            mount --bind "$cache" "$root/var/cache/uv"
            given=(HOME=/root USER="$user" PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
                LANG=C.UTF-8 UV_CACHE_DIR=/var/cache/uv UV_LINK_MODE=copy)
            [ "$user" = root ] || given+=(HOME="/home/$user")
            if [ -n "$lfw" ]; then
                mount --bind -o ro "$lfw" "$root/srv/lfw"
                given+=(LFW_DIR=/srv/lfw)
            fi
            # How this machine reaches its package registries.
            while IFS= read -r name; do
                given+=("$name=${!name}")
            done < <(compgen -e | grep -E "^(CI|FACEAUTH_.*|PIP_.*|SSL_CERT_FILE|REQUESTS_CA_BUNDLE|[a-zA-Z]+_proxy|[A-Z]+_PROXY)$" || true)
            chroot "$root" /usr/bin/setpriv --reuid "$user" --regid "$user" --init-groups \
                env --ignore-environment "${given[@]}" bash -c "cd $project && exec \"\$@\"" bash "$@"
        ' bash "$@"
}

want=$(cat "${recipe[@]}" | sha256sum | cut -d' ' -f1)
if [ "$(cat "$root/.made-from" 2>/dev/null)" != "$want" ]; then
    say "making a Debian 13 in $root (a minute or two)"
    rm -rf "$root"
    mkdir -p "$(dirname "$root")"
    log=$(mktemp)
    # shellcheck disable=SC2046 # no mirror is no argument
    mmdebstrap --variant=minbase trixie "$root" $(mirror) >"$log" 2>&1 || {
        tail -5 "$log" >&2
        fail "mmdebstrap could not make it (its last words are above)"
    }
    rm -f "$log"
    fresh=1
fi

# The machine's name servers, certificates and settings of pip.
for file in /etc/resolv.conf /etc/hosts /etc/pip.conf /etc/ssl/certs/ca-certificates.crt; do
    if [ -f "$file" ]; then
        mkdir -p "$root$(dirname "$file")"
        cp -L "$file" "$root$file"
    fi
done

# The project as it is now; the environment stays.
mkdir -p "$root$project"
find "$root$project" -mindepth 1 -maxdepth 1 ! -name .venv ! -name .cache ! -name runs -exec rm -rf {} +
if git rev-parse --git-dir >/dev/null 2>&1; then
    git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
        if [ -e "$file" ]; then printf '%s\0' "$file"; fi
    done
else
    find . -mindepth 1 \( -name .venv -o -name .cache -o -name .git -o -path ./runs \) -prune -o -type f -print0
fi | tar --create --null --files-from=- | tar --extract --no-same-owner --directory "$root$project"

if [ -n "${fresh:-}" ]; then
    inside root scripts/image.sh build-packages
    inside root scripts/setup_test_tools.sh
    # mmdebstrap's packages may have replaced them.
    cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/" 2>/dev/null || true
    printf '%s\n' "$want" >"$root/.made-from"
fi
inside root scripts/image.sh environment
inside root scripts/image.sh user
inside root chown faceauth: .
inside root find . -mindepth 1 -maxdepth 1 ! -name .venv ! -name .cache -exec chown -R faceauth: {} +
inside faceauth env PYTHON=/usr/bin/python3 "$@"
