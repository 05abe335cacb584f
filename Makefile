# Every target does its own set-up: all that has to be there is make and a Python 3.11 to 3.13 with venv.
# An environment is made once, and brought up to date when its constraints or pyproject.toml change.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo up test test-celery test-dbt lint format docs docs-serve mutants matrix test-3.1 test-3.2 test-3.4 e2e-3.1 e2e-3.4 audit release constraints clean

# make PYTHON=python3.12 ...          makes environments with that interpreter
# make test ARGS='tests/unit -x'      hands these arguments to pytest
export PYTHON
ARGS ?=

# Images of containers often set it. Then every process of an Airflow would compile all of Airflow again, for seconds.
unexport PYTHONDONTWRITEBYTECODE

# Tests of the rooms that import Airflow; import-linter holds that no other does. Those are tested once, and so are texts.
TEXTS := $(addprefix tests/unit/test_,architecture.py contributing.py vocabulary.py)
FACE := $(addprefix tests/unit/,hooks operators retries sensors testing transfers triggers) \
	$(filter-out $(TEXTS),$(wildcard tests/unit/test_*.py)) tests/airflow

# What is typed strictly.
TYPED := airflow_provider_sessions $(wildcard dags_examples benchmarks scripts/*.py)

help: ## show this list
	@grep -hE '^[a-z0-9.-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9.-]+):.*## /\1\t/' | expand -t 14

# The marker of a finished environment: .venv-3.1/.ready-test is .venv-3.1 with the dependency group "test".
# `with` runs a command with an environment's programs first on the PATH, since Airflow starts itself by name.
with = PATH="$(CURDIR)/$(1)/bin:$$PATH"
install = scripts/environment.sh $(@D) $(filter constraints/%,$^) $(1) && touch $@
INPUTS := pyproject.toml airflow_provider_sessions/__init__.py scripts/environment.sh

.venv/.ready: $(INPUTS) constraints/airflow-3.3.txt
	@$(call install,demo)

.venv/.ready-dev: $(INPUTS) constraints/airflow-3.3.txt
	@$(call install,dev)
	@touch .venv/.ready

.venv-%/.ready-test: $(INPUTS) constraints/airflow-%.txt
	@$(call install,test)

# Without the package, whose sources mkdocs reads but does not import. Not --quiet: mkdocs then ignores dead links.
.venv-docs/.ready: $(INPUTS) constraints/docs.txt
	@PACKAGE= $(call install,docs)

# Without the package, since dbt needs other versions than Airflow.
.venv-dbt/.ready: $(INPUTS) constraints/dbt.txt
	@PACKAGE= $(call install,dbt)

demo: .venv/.ready ## run the example DAGs in a real Airflow against the sandbox; they write to demo-output/
	@$(call with,.venv) python -m scripts.demo

up: .venv/.ready ## run that Airflow for a browser, until Ctrl-C
	@$(call with,.venv) python -m scripts.up

test: .venv/.ready-dev ## run all tests (Airflow 3.3)
	$(call with,.venv) python -m pytest $(ARGS)

test-celery: .venv/.ready-dev ## kill workers and the triggerer of an Airflow with CeleryExecutor; ten minutes
	$(call with,.venv) python -m pytest tests/e2e/test_celery.py -m "celery or not celery" $(ARGS)

test-dbt: .venv/.ready-dev .venv-dbt/.ready ## build dbt/ over exports on DuckDB and PostgreSQL
	$(call with,.venv) python -m pytest tests/dbt $(ARGS)

lint: .venv/.ready-dev ## check style, types and the import contracts between layers
	$(call with,.venv) ruff check .
	$(call with,.venv) ruff format --check .
	$(call with,.venv) mypy $(TYPED)
	$(call with,.venv) lint-imports --no-logo

docs: .venv-docs/.ready ## build the documentation into build/site/; a dead link fails
	NO_MKDOCS_2_WARNING=1 $(call with,.venv-docs) mkdocs build $(ARGS)

docs-serve: .venv-docs/.ready ## show the documentation in a browser, until Ctrl-C
	NO_MKDOCS_2_WARNING=1 $(call with,.venv-docs) mkdocs serve $(ARGS)

format: .venv/.ready-dev ## format code and sort imports
	$(call with,.venv) ruff check --fix .
	$(call with,.venv) ruff format .

matrix: test-3.1 test-3.2 test-3.4 e2e-3.1 e2e-3.4 ## all of the following

test-3.1: .venv-3.1/.ready-test ## tests that import Airflow, on the newest Airflow 3.1
test-3.2: .venv-3.2/.ready-test ## tests that import Airflow, on the newest Airflow 3.2
test-3.4: .venv-3.4/.ready-test ## tests that import Airflow, on Airflow 3.4
test-3.1 test-3.2 test-3.4: test-%:
	$(call with,.venv-$*) python -m pytest $(FACE)

e2e-3.1: .venv-3.1/.ready-test ## waits in a real Airflow, the newest 3.1
e2e-3.4: .venv-3.4/.ready-test ## waits in a real Airflow, 3.4
e2e-3.1 e2e-3.4: e2e-%:
	$(call with,.venv-$*) python -m pytest tests/e2e -m matrix

# Without the package, which is built from a tag.
.venv-release/.ready: $(INPUTS) constraints/release.txt
	@PACKAGE= $(call install,release)

.venv/.ready-mutants: $(INPUTS) constraints/airflow-3.3.txt
	@$(call install,mutants)

mutants: .venv/.ready-dev .venv/.ready-mutants ## mutation tests of the central modules; half an hour, before each release
	$(call with,.venv) python -m scripts.mutants $(ARGS)

audit: .venv-release/.ready ## check dependencies for known vulnerabilities, before each release (needs the network)
	$(call with,.venv-release) scripts/audit.sh

# make release TAG=v0.1.0
TAG ?= v$(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' airflow_provider_sessions/__init__.py)
release: .venv-release/.ready ## build and check the distributions of a tag, into dist/ (needs the network)
	$(call with,.venv-release) python -m scripts.release $(TAG) $(ARGS)

constraints: ## resolve the pinned versions again (needs uv)
	scripts/constraints.sh

clean: ## remove the environments, and all files of builds, runs and caches
	rm -rf .venv .venv-* .azurite build dist demo-output .demo .up .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
