#!/usr/bin/env bash
# Runs every test. On a Debian machine with Rust it first installs what is missing, and says so: the Debian packages of
# a C compiler and of the programs in tests/programs.txt, and cargo-nextest from crates.io.
# Arguments go to nextest: ./test.sh memory
set -euo pipefail
cd "$(dirname "$0")"

packages=()
# need PROGRAM PACKAGE: notes the package of a program that is missing; what the shell has built in, as kill, is none.
need() {
    type -P "$1" >/dev/null || packages+=("$2")
}

need cc gcc           # SQLite, ring and flite are C
need ld libc6-dev     # for what is linked to it
while read -r program package; do
    need "$program" "$package"
done < <(grep -v '^#' tests/programs.txt)

if [ ${#packages[@]} -gt 0 ]; then
    echo "test.sh: installing Debian packages: ${packages[*]}"
    sudo=()
    [ "$(id -u)" -eq 0 ] || sudo=(sudo)
    if ! type -P apt-get >/dev/null; then
        echo "test.sh: no apt-get here; install these programs' packages by hand: ${packages[*]}" >&2
        exit 69
    fi
    "${sudo[@]}" apt-get update -qq
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
fi
if ! cargo nextest --version >/dev/null 2>&1; then
    echo "test.sh: installing cargo-nextest from crates.io"
    cargo install --locked cargo-nextest
fi

exec cargo nextest run --workspace --locked "$@"
