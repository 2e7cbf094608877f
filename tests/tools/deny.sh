#!/usr/bin/env bash
# Licences, banned crates, sources (deny.toml); advisories too where their database can be fetched.
set -euo pipefail
cd "$(dirname "$0")/../.."

if ! command -v cargo-deny >/dev/null; then
    echo "skipped: cargo-deny is not installed; get it with 'cargo install --locked cargo-deny'"
    exit 0
fi
cargo deny --all-features check --hide-inclusion-graph --allow unused-wrapper bans licenses sources
if cargo deny fetch db >/dev/null 2>&1; then
    cargo deny check --hide-inclusion-graph advisories
else
    echo "skipped: advisories; their database cannot be fetched from here"
fi
