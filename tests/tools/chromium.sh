#!/usr/bin/env bash
# `verge` against a browser: what headless Chromium lets a page of another web origin do, and what it does not. The cases
# stand in chromium.py.
set -euo pipefail
cd "$(dirname "$0")/../.."

has() { command -v "$1" >/dev/null 2>&1; }
if ! { has chromium && has chromedriver; }; then
    if [ "$(id -u)" = 0 ] && has apt-get; then
        { apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium chromium-driver; } >/dev/null 2>&1 || true
    fi
    if ! { has chromium && has chromedriver; }; then
        echo "skipped: no chromium and chromedriver; as root on a Debian-like system they are installed"
        exit 0
    fi
fi

cargo build --workspace --bins --tests ${CI:+--locked}
python3 tests/tools/chromium.py "${CARGO_TARGET_DIR:-target}/debug/verge"
