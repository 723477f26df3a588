# Everything runs with tools that this file installs under .tools and .venv; a machine needs git, make and a Python.
# `make` alone lists the targets.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
.PHONY: help setup up demo down reset status logs reconcile test audit soak guards mutate bench lint fmt pins \
	check-format check-style check-types check-layers check-security check-template \
	test-template test-benchmarks test-unit test-simulation test-integration test-e2e

UV := $(CURDIR)/.tools/uv/bin/uv
BIN := $(CURDIR)/.venv/bin
AUDIT := $(CURDIR)/.tools/audit/bin
# Words such as "secrets" stand on every page here.
SECRETS := $(AUDIT)/detect-secrets-hook --disable-plugin KeywordDetector
PYTEST := $(BIN)/python -m pytest -q
# Two, because a worker of the integration and end-to-end tests starts an emulator of its own.
PARALLEL := -n 2

export PYTHONDONTWRITEBYTECODE := 1

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' Makefile

demo: setup ## Bring the local stack up and watch an order become cashback
	@$(BIN)/python -m dev.demo

up: setup ## Start the local stack, or bring it up to date; PORT=4599 chooses its port
	@$(BIN)/python -m dev.stack up

status: setup ## Say what is running, and which queues have messages
	@$(BIN)/python -m dev.stack status

logs: setup ## What the functions logged in the last ten minutes; FUNCTION=daily shows one alone
	@$(BIN)/python -m dev.stack logs

reconcile: setup ## Compare every balance of the local stack with the ledger; fails on any difference
	@PYTHONPATH=layers/shared $(BIN)/python -m dev.reconcile

down: setup ## Stop the local stack; its data is kept
	@$(BIN)/python -m dev.stack down

reset: setup ## Stop the local stack and remove its data
	@$(BIN)/python -m dev.stack reset

test: lint test-benchmarks test-unit test-simulation test-integration test-e2e ## Every check and test, cheapest first
	@printf '\nall passed\n'

soak: setup ## Run simulated worlds that no test has seen, for an hour or for MINUTES
	@PYTHONPATH=layers/shared $(BIN)/python -m tests.simulation.soak --minutes $(or $(MINUTES),60)

guards: setup ## Break each line that guards money in a copy, and count the worlds until that shows; ONLY=name, MOST=worlds
	@PYTHONPATH=layers/shared $(BIN)/python -m tests.simulation.hunt \
		$(if $(ONLY),--only "$(ONLY)") $(if $(MOST),--most $(MOST))

# Asks for advisories over the network, and a new one is no fault of a change: so it is no part of `make test`.
audit: setup ## Look for known vulnerabilities of every pinned package
	@for pins in layers/shared/requirements.txt requirements-dev.txt dev/requirements/*.txt; do \
		echo "$$pins"; $(AUDIT)/pip-audit --strict --require-hashes --disable-pip -r $$pins || exit 1; \
	done

mutate: setup .tools/mutate/ready ## Change what money depends on line by line, to see that tests notice; PARTS=money mutates that alone
	@$(BIN)/python -m dev.mutate $(PARTS)

bench: setup ## Count instructions, units and dollars, time starts, webhooks and jobs, project more; writes docs/performance.md
	@PYTHONPATH=layers/shared $(BIN)/python -m tests.benchmarks.bench

lint: check-format check-style check-types check-layers check-security check-template ## Format, style, types, contracts, security, template

fmt: setup ## Format the code and mend what can be mended
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

# ---- one step each, so that a failure names itself

define say
@printf '\n== %s\n' "$(1)"
endef

check-format: setup
	$(call say,format)
	@$(BIN)/ruff format --check --quiet . || { echo "make fmt mends this"; exit 1; }

check-style: setup
	$(call say,style)
	@$(BIN)/ruff check --quiet .

check-types: setup
	$(call say,types)
	@$(BIN)/mypy

check-layers: setup
	$(call say,contracts between the modules)
	@PYTHONPATH=layers/shared $(BIN)/lint-imports

# Samples and tests are full of made-up signatures, so there only what has the form of a known kind of key is looked for.
check-security: setup
	$(call say,security)
	@$(AUDIT)/bandit --quiet --recursive layers/shared/cashback functions
	@git ls-files -z -- . ':!events' ':!tests' | xargs -0 $(SECRETS)
	@git ls-files -z -- events tests | \
		xargs -0 $(SECRETS) --disable-plugin HexHighEntropyString --disable-plugin Base64HighEntropyString

check-template: setup
	$(call say,template)
	@$(BIN)/cfn-lint template.yaml
	@$(PYTEST) tests/template

# By file, because what is counted once is a fixture of its module.
test-benchmarks: setup
	$(call say,import budgets and projections)
	@$(PYTEST) $(PARALLEL) --dist loadfile tests/benchmarks

test-unit: setup
	$(call say,unit tests)
	@$(PYTEST) $(PARALLEL) tests/unit

test-simulation: setup
	$(call say,simulation)
	@$(PYTEST) $(PARALLEL) tests/simulation

test-integration: setup
	$(call say,integration tests against the local engine)
	@$(PYTEST) $(PARALLEL) tests/integration

test-e2e: setup
	$(call say,end-to-end tests of the deployed template)
	@$(PYTEST) $(PARALLEL) tests/e2e

# ---- tools: each environment is rebuilt when its pins change

setup: .tools/uv/ready .venv/ready .tools/sam/ready .tools/emulator/ready .tools/audit/ready .tools/microburst/ready ## Install the tools; the other targets do it too

# Any Python from 3.11 can install uv, which then finds or fetches the Python 3.13 that everything else runs on.
.tools/uv/ready: dev/requirements/uv.txt
	@for python in python3 python3.13 python3.12 python3.11 /usr/bin/python3; do \
		$$python -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; \
		python=; \
	done; \
	[ -n "$$python" ] || { echo "error: no Python from 3.11 with venv and ensurepip (Debian: apt install python3-venv)"; exit 1; }; \
	echo "installing uv" && $$python -m venv .tools/uv && \
	.tools/uv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r dev/requirements/uv.txt
	@touch $@

define environment
@"$(1)/bin/python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null || \
	$(UV) venv --quiet --clear --python 3.13 "$(1)" || { echo "error: uv found no Python 3.13 and could not fetch one"; exit 1; }
@echo "installing $(1)"
@$(UV) pip sync --quiet --python "$(1)/bin/python" --require-hashes $(2)
@touch $(1)/ready
endef

.venv/ready: requirements-dev.txt .tools/uv/ready
	$(call environment,.venv,requirements-dev.txt)

.tools/sam/ready: dev/requirements/sam.txt .tools/uv/ready
	$(call environment,.tools/sam,dev/requirements/sam.txt)

.tools/emulator/ready: dev/requirements/emulator.txt .tools/uv/ready
	$(call environment,.tools/emulator,dev/requirements/emulator.txt)

.tools/audit/ready: dev/requirements/audit.txt .tools/uv/ready
	$(call environment,.tools/audit,dev/requirements/audit.txt)

.tools/microburst/ready: dev/requirements/microburst.txt .tools/uv/ready
	$(call environment,.tools/microburst,dev/requirements/microburst.txt)

# Not of the set-up: only `make mutate` needs it.
.tools/mutate/ready: dev/requirements/mutate.txt .tools/uv/ready
	$(call environment,.tools/mutate,dev/requirements/mutate.txt)

# No address of a package registry goes into a committed file. PINS is where they go, if not here.
PIN := $(UV) pip compile --quiet --universal --generate-hashes --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links $(PIN_OPTIONS)

pins: .tools/uv/ready ## Compile the pins anew; PIN_OPTIONS=--upgrade takes newer versions
	$(PIN) pyproject.toml -o $(PINS)layers/shared/requirements.txt
	$(PIN) pyproject.toml --group dev -o $(PINS)requirements-dev.txt
	$(PIN) --python-version 3.11 --group uv -o $(PINS)dev/requirements/uv.txt
	$(PIN) --python-version 3.13 --group sam -o $(PINS)dev/requirements/sam.txt
	$(PIN) --python-version 3.13 --group emulator -o $(PINS)dev/requirements/emulator.txt
	$(PIN) --python-version 3.13 --group audit -o $(PINS)dev/requirements/audit.txt
	$(PIN) --python-version 3.13 --group microburst -o $(PINS)dev/requirements/microburst.txt
	$(PIN) --python-version 3.13 --constraint $(PINS)requirements-dev.txt --group mutate -o $(PINS)dev/requirements/mutate.txt
	$(PIN) --python-version 3.13 --group runtime -o $(PINS)dev/requirements/runtime.txt
	$(PIN) --python-version 3.13 --constraint $(PINS)layers/shared/requirements.txt --group naive -o $(PINS)dev/requirements/naive.txt
