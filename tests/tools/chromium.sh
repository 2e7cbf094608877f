#!/usr/bin/env bash
# `verge` against a browser: what headless Chromium lets a page of another web origin do, and what it does not. The cases
# stand in chromium.py.
set -euo pipefail
cd "$(dirname "$0")/../.."

. tests/tools/get
debian "chromium chromium-driver" chromium chromedriver

cargo build --workspace --bins --tests ${CI:+--locked}
python3 tests/tools/chromium.py "${CARGO_TARGET_DIR:-target}/debug/verge"
