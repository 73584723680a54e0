# What can be done with a checkout. Every target does what it needs first; nothing has to be run by hand before.

CARGO ?= cargo
.DEFAULT_GOAL := help
.PHONY: help setup demo test soak check bench bench-stages bench-large bench-kinds

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what is missing; a second run takes seconds
	@./setup.sh

demo: setup ## Start the service, load the sample events, show reports, serve until Ctrl-C (ONCE=1: stop by itself)
	$(CARGO) build --release --locked --package postlens
	@ONCE=$(ONCE) fixtures/demo

test: setup ## Run all tests
	$(CARGO) test --workspace --locked

soak: setup ## Make everything fail, over and over: hundreds of kills over millions of events (takes half an hour)
	POSTLENS_SOAK=1 $(CARGO) test --locked --package postlens-tests --test it faults:: -- --nocapture --test-threads=1

check: setup ## Format, lints, documentation, tests and the API's specification, warnings denied
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked
	$(MAKE) test
	$(CARGO) run --quiet --locked --package postlens -- openapi | diff -u openapi.yaml -

bench: setup ## Measure ingestion and reports beside a plain table of the same engine
	$(CARGO) run --release --locked --package postlens-bench

bench-stages: setup ## Measure the stages of ingestion by themselves: decode, fold, encode
	$(CARGO) bench --locked --package ingest

bench-large: setup ## The same with 100 million events, and beside PostgreSQL: takes hours, 8 GB of memory and 60 GB of disk
	$(CARGO) run --release --locked --package postlens-bench -- large

bench-kinds: setup ## Measure every kind of report on 1 and on 100 million events: takes an hour and 30 GB of disk
	$(CARGO) run --release --locked --package postlens-bench -- kinds
