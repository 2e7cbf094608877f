#!/usr/bin/env bash
# `verge` against a second DynamoDB, written by others in another language: moto (PyPI `moto[server]`), filled by AWS's
# own client for Python. What is asked of it stands in dynamodb.py.
set -euo pipefail
cd "$(dirname "$0")/../.."

venv=target/tools/moto
if [ ! -x "$venv/bin/moto_server" ]; then
    rm -rf "$venv"
    if ! { python3 -m venv "$venv" && "$venv/bin/pip" install --quiet --disable-pip-version-check 'moto[server]==5.*'; }; then
        rm -rf "$venv"
        echo "skipped: no moto_server; it needs python3 with venv, and PyPI"
        exit 0
    fi
fi

cargo build --workspace --bins --tests ${CI:+--locked}
"$venv/bin/python" tests/tools/dynamodb.py "${CARGO_TARGET_DIR:-target}/debug/verge"
