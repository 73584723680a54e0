# What can be done with a checkout. Every target does what it needs first; nothing has to be run by hand before.

CARGO ?= cargo
.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench bench-large

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what is missing; a second run takes seconds
	@./setup.sh

demo: setup ## Start the service, load the sample events, show reports, serve until Ctrl-C (ONCE=1: stop by itself)
	$(CARGO) build --release --locked --package postlens
	@ONCE=$(ONCE) fixtures/demo

test: setup ## Run all tests
	$(CARGO) test --workspace --locked

check: setup ## Format, lints, documentation, tests and the API's specification, warnings denied
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked
	$(MAKE) test
	$(CARGO) run --quiet --locked --package postlens -- openapi | diff -u openapi.yaml -

bench: setup ## Measure ingestion and reports beside a plain table of the same engine
	$(CARGO) run --release --locked --package postlens-bench

bench-large: setup ## The same with 100 million events, and beside PostgreSQL: takes hours, 8 GB of memory and 60 GB of disk
	$(CARGO) run --release --locked --package postlens-bench -- large
