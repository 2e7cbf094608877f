#!/usr/bin/env bash
# What a decision costs, in instructions, against benches/count.txt.
set -euo pipefail
cd "$(dirname "$0")/../.."

. tests/tools/get
debian valgrind valgrind
benches/count.sh
