# The commands of the project; `make` alone explains them.
.DEFAULT_GOAL := help
.PHONY: help setup demo up down status clean test test-unit faults compatibility mutants bench bench-quick lint constraints screenshot docker-up docker-test

PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3,$(shell command -v $(name) 2>/dev/null)))
BIN := .venv/bin
READY := .venv/.ready
PYTEST := $(BIN)/python -m pytest $(if $(SEED),--order=$(SEED))
UNIT_TESTS := tests/unit tests/dags
UNIT = $(PYTEST) --numprocesses=2 --dist=loadfile $(UNIT_TESTS)
LANES := --numprocesses=2 --dist=loadscope --no-loadscope-reorder
SWITCH = $(if $(SECURE),--secure=$(SECURE))
UV := $(shell sed -n 's/^uv==/uv==/p' requirements.txt)

help: ## Explain the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## Make the virtual environment and .env, download the jars, prepare Spark
	@$(BIN)/python -m local_stack setup $(SWITCH)

demo: $(READY) ## Set up, start the stack, send an hour of traffic and show a scheduled run (SECURE=1 as for up)
	@$(BIN)/python -m local_stack demo $(SWITCH)

up: setup ## Start Kafka, PostgreSQL, the mail sink and Airflow (SECURE=1: with TLS and logins, also later; 0: plain again)
	@$(BIN)/python -m local_stack up

down: $(READY) ## Stop everything
	@$(BIN)/python -m local_stack down

status: $(READY) ## Say what runs, where and for how long
	@$(BIN)/python -m local_stack status

clean: ## Stop everything and remove var/ with all data
	@if test -e $(READY); then $(BIN)/python -m local_stack down; fi
	rm -rf var

test: setup ## Run all tests; they start services of their own (ONLY=<path or -k expression>; SEED=7 for another order)
	$(if $(ONLY),$(PYTEST) $(if $(wildcard $(firstword $(subst ::, ,$(ONLY)))),$(ONLY),-k "$(ONLY)"),$(UNIT) && $(PYTEST) $(LANES) $(patsubst %,--ignore=%,$(UNIT_TESTS) tests/hadoop tests/docker))

test-unit: setup ## Run the tests that need no service, in less than a minute
	$(UNIT)

faults: setup ## Run the fault matrix where it was stopped, or one trial: CELL=K5 SEED=7 (LANES=2 for two at once)
	$(BIN)/python -m tests.faults.matrix $(if $(CELL),--cell $(CELL)) $(if $(SEED),--seed $(SEED)) $(if $(TRIALS),--trials $(TRIALS)) $(if $(LANES),--lanes $(LANES))

compatibility: setup ## Try other brokers, PostgreSQLs, Javas and Pythons where it was stopped, or some: CELL="PostgreSQL 13"
	$(BIN)/python -m tests.compatibility $(if $(CELL),--cell "$(CELL)")

mutants: setup ## Put faults into a copy of the source, one at a time, and show that a test fails each time (ONLY="a name" for one)
	$(BIN)/python -m tests.mutants $(if $(ONLY),--only "$(ONLY)")

bench: setup ## Measure it against what else there is, and write docs/benchmarks.md (an hour; ONLY=large for a part)
	PYTHONPATH=plugins $(BIN)/python -m bench $(if $(ONLY),--only $(ONLY))

bench-quick: setup ## Measure a part, and fail if a ratio is much worse than the stored one (6 minutes)
	PYTHONPATH=plugins $(BIN)/python -m bench --quick

lint: $(READY) ## Check style, types, the direction of imports and the SQL
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PYTHONPATH=plugins $(BIN)/lint-imports --no-cache
	$(BIN)/sqlfluff lint include

docker-up: ## Start the stack in Docker, without Python or Java: make .env, build, wait until it is healthy
	@sh docker/up.sh

docker-test: $(READY) ## Test the stack in Docker, if an engine answers: traffic, a kill in mid run, and a right recount
	$(PYTEST) tests/docker

screenshot: $(READY) ## Take the picture of the page in the README, from the running demo; needs Chromium
	@$(BIN)/python -m local_stack screenshot

constraints: $(READY) ## Renew constraints.txt from requirements.txt
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --no-annotate --no-header \
		requirements.txt --output-file constraints.txt

# The stamp comes last: an installation that was interrupted is thrown away and made again.
$(READY): requirements.txt constraints.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "No Python found: install Python 3.11 or newer, or name one with PYTHON=." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "$(PYTHON) is not Python 3.11 or newer: install one, or name it with PYTHON=." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "$(PYTHON) can't make virtual environments: install its venv module (python3-venv on Debian)." >&2; exit 1; }
	@rm -f $(READY)
	@echo "Making the virtual environment .venv"
	@if test -e .venv/.installing; then $(PYTHON) -m venv --clear .venv; else $(PYTHON) -m venv .venv; fi
	@touch .venv/.installing
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt "$(UV)"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --requirement requirements.txt --constraint constraints.txt --editable .
	@mv .venv/.installing $(READY)
	@echo "The virtual environment is ready"
