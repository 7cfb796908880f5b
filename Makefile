# Every target says what it does: `make help`.
.DEFAULT_GOAL := help
SHELL := /usr/bin/env bash
.SHELLFLAGS := -eu -o pipefail -c

# Warnings are errors everywhere, in the same way, so that nothing is built twice.
CLIPPY := cargo clippy --workspace --all-targets --locked -- -D warnings

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-22s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: test
test: client format arrows lint tests docs deny ## Check everything: what CI runs

.PHONY: format
format: ## Check that the code is formatted
	cargo fmt --all --check

.PHONY: arrows
arrows: ## Check that no crate depends on one it must not know
	scripts/check-arrows

.PHONY: lint
lint: ## Run clippy, warnings denied
	$(CLIPPY)

.PHONY: services
services: ## Install the servers that tests start, where they are absent (none is left running)
	scripts/services install redis postgres elasticsearch

# A build without Node.js puts no screen into the binary, and does not notice that it came later.
.PHONY: client
client: ## Install what builds and drives the screen (Node.js, Chromium), where it is absent
	@command -v npm >/dev/null || touch frontend/build.rs
	scripts/services install node chromium

.PHONY: provider
provider: ## Install the OpenID Connect provider that tests sign in with (where npm is)
	@if command -v npm >/dev/null; then \
	  cd frontend/tests/oidc && { [[ node_modules/.package-lock.json -nt package-lock.json ]] || \
	    npm ci --no-audit --no-fund --silent; }; \
	else \
	  echo "npm is not installed: sign-in with a provider is not tested"; \
	fi

.PHONY: tests
tests: services client provider ## Run all tests, the journey of a browser included
	cargo test --workspace --locked

.PHONY: journey
journey: client provider ## Drive the screen with a real browser, and say what each step took (part of tests)
	cargo test -p daytrade --locked --test journey -- --nocapture

.PHONY: screenshots
screenshots: client provider ## Take the pictures in docs/screenshots anew, by the same journey
	DAYTRADE_SHOTS="$(CURDIR)/docs/screenshots" cargo test -p daytrade --locked --test journey -- --nocapture

.PHONY: campaign-postgres
campaign-postgres: services ## Kill and stop a Postgres fifty times each under load (minutes)
	DAYTRADE_CAMPAIGN=50 cargo test -p audit_logger --locked --test postgres -- --nocapture campaign

.PHONY: docs
docs: ## Build the API documentation, warnings denied
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

.PHONY: deny
deny: ## Check licenses, duplicate dependencies and sources (with cargo-deny if it is installed)
	@if command -v cargo-deny >/dev/null; then \
	  cargo deny --offline check licenses bans sources; \
	else \
	  cargo test --workspace --locked --test dependencies; \
	fi

# Both ends of SEEDS=FROM..TO are included. A campaign can be run in parts; a seed that fails says
# how to repeat it.
.PHONY: campaign-kill
campaign-kill: services ## kill -9 at 1,000 seeded points (SEEDS=FROM..TO for a part; minutes)
	DAYTRADE_SEEDS=$(or $(SEEDS),1..1000) cargo test -p daytrade --locked --test kill -- --nocapture

.PHONY: campaign-seeds
campaign-seeds: ## Run 10,000 seeds of the system with faults in virtual time (SEEDS=FROM..TO for a part)
	DAYTRADE_SEEDS=$(or $(SEEDS),1..10000) cargo test -p daytrade --locked --bin daytrade -- --nocapture seeds::

.PHONY: bench
bench: services ## Run all benchmarks (minutes)
	cargo bench --workspace

.PHONY: fuzz
fuzz: ## Fuzz every parser for a minute each (needs cargo-fuzz and a nightly toolchain)
	@for target in $$(cd fuzz && cargo +nightly fuzz list); do \
	  (cd fuzz && cargo +nightly fuzz run $$target -- -max_total_time=60); \
	done

.PHONY: campaign-elasticsearch
campaign-elasticsearch: services ## Kill and stop a real Elasticsearch 50 times each under load (minutes)
	DAYTRADE_ELASTICSEARCH_ROUNDS=50 cargo test -p audit_logger --locked --test elasticsearch campaign

.PHONY: campaign-opensearch
campaign-opensearch: ## Run the tests of the search follower against a real OpenSearch (minutes)
	scripts/services install opensearch
	jar=$$(scripts/services check opensearch | sed 's/^opensearch: //') && \
	  DAYTRADE_OPENSEARCH_SERVER=$$jar cargo test -p audit_logger --locked --test elasticsearch

.PHONY: samples
samples: ## Make the checked-in sample workloads anew
	REGENERATE_SAMPLES=1 cargo test -p workload --test samples
