#!/usr/bin/env bash
# Licences, banned crates, sources (deny.toml); advisories too where their database can be fetched.
set -euo pipefail
cd "$(dirname "$0")/../.."

. tests/tools/get
tools=target/tools/deny
export PATH="$PWD/$tools/bin:$PATH"
if ! has cargo-deny; then
    # It is built without optimisation: it is run once.
    cargo install cargo-deny --version 0.20.2 --locked --quiet --debug --root "$tools" --target-dir "$tools/build" ||
        skip "no cargo-deny; it needs crates.io"
    rm -rf "$tools/build"
fi
cargo deny --all-features check --hide-inclusion-graph --allow unused-wrapper bans licenses sources
if cargo deny fetch db >/dev/null 2>&1; then
    cargo deny check --hide-inclusion-graph advisories
else
    skip "advisories; their database cannot be fetched from here"
fi
