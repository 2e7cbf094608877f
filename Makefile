# Everything one does with this tree. `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

CARGO ?= cargo
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
# Where it is checked that Cargo.lock is the one committed.
LOCKED := $(if $(CI),--locked)
# One selection for build and test alike: dependencies are then compiled once, under one set of features.
ALL_TESTS := --workspace --bins --tests $(LOCKED)
# A cmake that `.ci/need` had to fetch.
export PATH := $(CURDIR)/target/tools/cmake/data/bin:$(PATH)

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: quickstart
quickstart: need ## Proxy, table and three stand-in stages on this machine; CHECK=1 tries the printed lines and leaves
	$(CARGO) build --profile quick -p verge $(LOCKED)
	$(TARGET_DIR)/quick/verge quickstart $(if $(CHECK),--check)

.PHONY: build
build: need ## The `verge` command, unoptimised, as the tests run it
	$(CARGO) build --workspace --bins $(LOCKED)

.PHONY: release
release: need ## The `verge` command as it is shipped: target/release/verge
	$(CARGO) build --release -p verge $(LOCKED)

.PHONY: test
test: need ## All tests that need nothing but this tree; no network
	$(CARGO) build $(ALL_TESTS)
	$(CARGO) test --workspace $(LOCKED)

.PHONY: test-tools
test-tools: need ## Tests that need other programs (tests/tools): each gets its own, or says what it lacks
	@export SKIPPED=$$(mktemp); trap 'rm -f "$$SKIPPED"' EXIT; \
	for script in tests/tools/*.sh; do echo "== $$script"; "$$script"; done; \
	if [ -s "$$SKIPPED" ]; then sed 's/^/== skipped: /' "$$SKIPPED"; else echo "== skipped: nothing"; fi

.PHONY: wasm
wasm: need ## The edges in other programs: dist/verge_envoy.wasm, dist/lambda/, dist/lambda.zip
	MUST=1 tests/tools/wasm.sh

.PHONY: conformance
conformance: need ## One decision at every edge: corpus and N (100000) requests through proxy, Envoy, Lambda (docs/conformance.md)
	MUST=1 tests/tools/conformance.sh

.PHONY: lint
lint: fmt clippy ## Formatting and clippy

.PHONY: fmt
fmt: ## Formatting, checked only
	$(CARGO) fmt --all --check

.PHONY: clippy
clippy: need ## Clippy on everything, warnings are errors
	$(CARGO) clippy --workspace --all-targets --features verge-benches/bare $(LOCKED) -- -D warnings

.PHONY: walls
walls: need ## Who may use what: the rules of ARCHITECTURE.md
	$(CARGO) test --workspace --test tidy $(LOCKED)

.PHONY: doc
doc: need ## API documentation, warnings are errors: target/doc
	@# Asked for examples, of which there are none, cargo selects the features clippy had, and checks nothing anew.
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --lib --examples --features verge-benches/bare $(LOCKED)

# Cheap answers first; the tests' own lines last.
CI_STEPS := fmt clippy doc walls test-tools test
.PHONY: ci
ci: ## All of the above, in the order that fails soonest
	@timings=""; \
	for step in $(CI_STEPS); do \
		echo "== make $$step"; \
		start=$$(date +%s); \
		$(MAKE) $$step; \
		timings+="$$(printf '%6d s  %s' $$(($$(date +%s) - start)) $$step)"$$'\n'; \
	done; \
	printf '== timings\n%s' "$$timings"

.PHONY: bench
bench: need ## The decision, per step and whole (benches/README.md)
	$(CARGO) bench -p verge-benches --bench decision $(LOCKED)

.PHONY: bench-peers
bench-peers: need ## CPU per request beside nginx, HAProxy, Envoy and bare pingora, into docs/performance.md (benches/README.md)
	$(CARGO) build --release -p verge -p verge-benches --features verge-benches/bare --bins $(LOCKED)
	python3 benches/peers --write

.PHONY: fuzz
fuzz: need ## Fuzz each target in fuzz/ for FUZZ_SECONDS (60); needs cargo-fuzz
	@command -v cargo-fuzz >/dev/null || { echo "cargo-fuzz is missing: cargo install cargo-fuzz"; exit 1; }
	@cd fuzz && for target in fuzz_targets/*.rs; do \
		RUSTC_BOOTSTRAP=1 $(CARGO) fuzz run "$$(basename "$$target" .rs)" -- -max_total_time=$${FUZZ_SECONDS:-60}; \
	done

.PHONY: need
need:
	@.ci/need
