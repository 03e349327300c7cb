#!/usr/bin/env bash
# Runs every test. On a Debian machine with Rust it installs what is missing: redis-server (Debian package) and
# cargo-nextest (from crates.io, when it is not there). Arguments go to nextest: ./test.sh memory
set -euo pipefail
cd "$(dirname "$0")"

install_debian_package() {
    local package=$1 program=$2
    command -v "$program" >/dev/null && return
    echo "test.sh: installing the Debian package $package"
    local sudo=""
    [ "$(id -u)" -eq 0 ] || sudo=sudo
    $sudo apt-get update -qq
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" >/dev/null
}

install_debian_package gcc cc              # SQLite and ring are C
install_debian_package redis-server redis-server
if ! cargo nextest --version >/dev/null 2>&1; then
    echo "test.sh: installing cargo-nextest from crates.io"
    cargo install --locked cargo-nextest
fi

exec cargo nextest run --workspace --locked "$@"
