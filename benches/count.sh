#!/usr/bin/env bash
# Instructions per decision, by valgrind: they are the same on a busy machine and a slow one.
#
#   benches/count.sh            holds them against benches/count.txt: more than 8 % above is a failure
#   benches/count.sh --write    writes that file
set -euo pipefail
cd "$(dirname "$0")/.."

baseline=benches/count.txt
command -v valgrind >/dev/null || { echo "valgrind is missing: apt-get install valgrind"; exit 1; }
compiler=$(rustc --version)
few=200 many=1200
bin=${CARGO_TARGET_DIR:-target}/release/count
cargo build --release -p verge-benches --bin count ${CI:+--locked}

instructions() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$bin" "$1" "$2" 2>&1 | awk '/Collected/ { print $4 }'
}
# Twice, so many times more often the second time: the difference is the case's own.
measure() {
    local name
    "$bin" | while read -r name; do
        echo "$(( ($(instructions "$name" $many) - $(instructions "$name" $few)) / (many - few) ))  $name"
    done
}

if [ "${1:-}" = --write ]; then
    { echo "# instructions per run, $compiler; benches/count.sh --write"; measure; } | tee "$baseline"
    exit
fi
measure | awk -v compiler="$compiler" -v baseline="$baseline" '
    BEGIN {
        while ((getline line < baseline) > 0) {
            if (line ~ /^#/) { same = index(line, compiler) > 0; continue }
            number = line; sub(/ .*/, "", number); sub(/^[0-9]+  /, "", line); before[line] = number
        }
    }
    {
        number = $1; name = $0; sub(/^[0-9]+  /, "", name)
        if (!(name in before)) { printf "%6d  %s: not in %s\n", number, name, baseline; worse++; next }
        change = 100 * (number / before[name] - 1)
        printf "%6d  %+5.1f %%  %s\n", number, change, name
        if (change > 8) worse++
    }
    END {
        if (!same) { print "another compiler than that of " baseline ": told, not held against it"; exit 0 }
        if (worse) { print worse " cases cost more than " baseline " allows; where that is meant: benches/count.sh --write"; exit 1 }
    }'
