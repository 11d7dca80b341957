# What each target does stands in dev/. Variables given to make reach it: make run PORT=8001 CITY=cities/shenzhen
PYTHON ?= python3
DEV := $(PYTHON) -m dev
.DEFAULT_GOAL := help
.PHONY: help setup run install test test-fast test-long check fmt lint types bench docs fuzz-media lock clean stop reset

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

setup: ## install what is missing: Debian packages, .venv
	@$(DEV) setup

run: ## start the service with its database: PORT, HOST, CITY (a pack's path), DATABASE_URL
	@$(DEV) run

install: ## install the service for good: systemd units, as root; LOCAL_DATABASE=1 makes a database on this machine too
	@$(DEV) install

test: ## run all tests; ARGS go to pytest
	@$(DEV) test $(ARGS)

test-fast: ## run the tests that need no browser and kill nothing; ARGS go to pytest
	@$(DEV) test --fast $(ARGS)

test-long: ## run the long form of the tests that have one, such as fifty kills; ARGS go to pytest
	@$(DEV) test --long $(ARGS)

check: lint types ## lint, types, import contracts, then all tests: what CI runs
	@$(DEV) test

fmt: ## format the code
	@$(DEV) fmt

lint: ## check form, lint and import contracts
	@$(DEV) lint

types: ## check the types
	@$(DEV) types

bench: ## measure, and write docs/performance.md; BENCH=large for a million work orders, BENCH=live, map, mapload, queue, similar or slow for other pages
	@$(DEV) bench

fuzz-media: ## send 10,000 mutated photos to the decoders; ARGS: --count N --first N
	@$(DEV) fuzz-media $(ARGS)

docs: ## write the generated parts of the documentation
	@$(DEV) docs

lock: ## compile requirements*.txt from requirements*.in; ARGS=--upgrade for newer versions
	@$(DEV) lock $(ARGS)

clean: ## delete caches; data and .venv stay
	@$(DEV) clean

stop: ## end what runs in this checkout
	@$(DEV) stop

reset: ## delete all data of this checkout; asks first (YES=1 is the answer)
	@$(DEV) reset
