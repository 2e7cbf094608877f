#!/usr/bin/env bash
# `verge` against a second DynamoDB, written by others in another language: moto (PyPI `moto[server]`), filled by AWS's
# own client for Python. What is asked of it stands in dynamodb.py.
set -euo pipefail
cd "$(dirname "$0")/../.."

. tests/tools/get
python_with moto 'moto[server]==5.*'

cargo build --workspace --bins --tests ${CI:+--locked}
"$venv/bin/python" tests/tools/dynamodb.py "${CARGO_TARGET_DIR:-target}/debug/verge"
