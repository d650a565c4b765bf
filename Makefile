# What a developer does, by name. It needs Python 3.11 or newer and make; `make setup` brings everything else into .venv.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup test lint format demo bench judge test-classic classic-ready test-spark40 build clean

# The first interpreter that is new enough. Name another one with: make setup PYTHON=/path/to/python
PYTHON ?= $(shell for p in python3.12 python3.11 python3.13 python3 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { command -v "$$p"; break; }; done)
# Python of serverless environment 4, where it can be had.
PYTHON_312 ?= $(shell for p in python3.12 $(wildcard $(HOME)/.pyenv/versions/3.12.*/bin/python3.12); do \
	"$$p" -c '' 2>/dev/null && { command -v "$$p"; break; }; done)
PIP = -m pip install --quiet --disable-pip-version-check
TESTS ?=
# Files whole, in the order of their names: by default those of few tests come last, and the longest are among them.
SPREAD = -n 2 --dist loadfile --no-loadscope-reorder

help: ## show this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

setup: .venv/.ready ## build .venv with everything that is needed; quick when it is there already

test: .venv/.ready ## run the tests on Sail; TESTS=tests/transforms runs a part of them
	.venv/bin/pytest $(SPREAD) $(TESTS)

lint: .venv/.ready ## ruff, its formatter and mypy
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

format: .venv/.ready ## let ruff format and mend what it can
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

demo: .venv/.ready ## let jobs fail in a simulated workspace, and watch what jobmedic does about it
	.venv/bin/jobmedic demo

bench: .venv/.bench-ready ## measure speed and size beside baselines, into docs/benchmarks.md
	.venv/bin/python -m bench

judge: .venv/.ready ## judge the decisions on labelled failures, beside three baselines; FILE=… judges a file of yours
	.venv/bin/python -m bench.judge $(if $(FILE),--file $(FILE))

test-classic: classic-ready ## run the tests on Apache Spark with Delta Lake; needs Java 17
	SPARK_CONF_DIR=$(CURDIR)/tests/spark-conf JOBMEDIC_SPARK=classic .venv-classic/bin/pytest $(SPREAD) --timeout=900 $(TESTS)

# Fetches the jars, before two processes ask for them at the same time.
classic-ready: .venv-classic/.ready
	@JOBMEDIC_SPARK=classic .venv-classic/bin/python -c 'from jobmedic.edges.spark import open_session; open_session().__enter__().stop()'

test-spark40: .venv-spark40/.ready ## install the wheel beside what serverless environment 4 has, Spark 4.0's client too, and test it there
	@.venv-spark40/bin/python $(PIP) --no-index --no-deps --no-build-isolation --force-reinstall .
	.venv-spark40/bin/pytest $(SPREAD) $(or $(TESTS),tests/transforms tests/bundle/test_job_runs.py \
		tests/edges/delta_ledger tests/edges/databricks_workspace tests/edges/azure_openai)

build: .venv/.ready ## build the wheel into dist/
	rm -rf dist
	.venv/bin/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

clean: ## remove all that was built, the environments too; .jobmedic with its tables stays
	rm -rf .venv .venv-classic .venv-spark40 dist build .pytest_cache .mypy_cache .ruff_cache spark-warehouse

.venv/.ready: requirements-dev.txt pyproject.toml
	$(call environment,.venv)
	.venv/bin/python $(PIP) -r requirements-dev.txt
	$(call product,.venv)

# Drain3 asks for exact old versions of two libraries and works with the ones that stand here, so it comes without its wishes.
.venv/.bench-ready: .venv/.ready requirements-bench.txt
	.venv/bin/python $(PIP) --no-deps -r requirements-bench.txt
	@touch $@

.venv-classic/.ready: requirements-classic.txt requirements-dev.txt pyproject.toml
	$(call environment,.venv-classic)
	.venv-classic/bin/python $(PIP) -r requirements-classic.txt
	$(call product,.venv-classic)

# The wheel's own dependencies must all be there by now: pip may look nowhere else, and takes no version that does not fit.
.venv-spark40/.ready: PYTHON := $(or $(PYTHON_312),$(PYTHON))
.venv-spark40/.ready: requirements-serverless.txt pyproject.toml
	$(call environment,.venv-spark40)
	.venv-spark40/bin/python $(PIP) -r requirements-serverless.txt
	.venv-spark40/bin/python $(PIP) --no-index --no-build-isolation .
	.venv-spark40/bin/python -m pip check
	@touch $@

define environment
@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer was found; install one, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python" >&2; exit 1; }
@echo "Setting up $(1) with $(PYTHON); the first time takes some minutes"
@test -x $(1)/bin/python || "$(PYTHON)" -m venv $(1)
endef

define product
$(1)/bin/python $(PIP) --no-deps --no-build-isolation --editable .
@touch $(1)/.ready
endef
