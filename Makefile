# Each target installs what it needs first: a clone, Python 3.11 or newer and a package registry are enough.

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for python in python3.11 python3 python3.12 python3.13 python3.14; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
# Much of what is installed is never loaded: what is, Python compiles then.
INSTALL = $(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --constraint constraints.txt --editable

.PHONY: help demo test lint docs options browser
.DEFAULT_GOAL := help

help:
	@echo 'make demo    animate a bundled portrait with a bundled clip'
	@echo 'make test    lint, type check and run every test'
	@echo 'make lint    lint and type check alone'
	@echo 'make options write docs/OPTIONS.md and keywords.py anew from the options'
	@echo 'make docs    build the documentation as a site, into site/'

demo: $(VENV)/runtime.stamp
	@$(BIN)/python scripts/demo.py

# Each may take 5 GB, and browsers answer too slowly beside more processes than cores.
PROCESSES ?= 2
# Hundreds of processes are begun by the tests: none of them is to compile the package anew.
test: export PYTHONDONTWRITEBYTECODE :=
# Each process of the tests has a core: threads of its own would only wait for the other's.
test: export OMP_NUM_THREADS := 1
test: lint browser
	$(BIN)/python -m pytest --numprocesses $(PROCESSES) --dist loadgroup --no-loadscope-reorder

lint: $(VENV)/develop.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

docs: $(VENV)/develop.stamp
	$(BIN)/zensical build --strict --clean

options: $(VENV)/runtime.stamp
	$(BIN)/python scripts/options_table.py docs/OPTIONS.md
	$(BIN)/python scripts/keywords.py src/openportrait/keywords.py

$(BIN)/python:
	@test -n '$(PYTHON)' || { echo 'Python 3.11 or newer was not found; name one: make PYTHON=/path/to/python' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/runtime.stamp: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) '.[fast]'
	@touch $@

$(VENV)/develop.stamp: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) '.[fast,heic,neural,web,batch,serve,provenance,cluster,docs,test]'
	@touch $@ $(VENV)/runtime.stamp

# The tests of the web app drive a real browser.
browser:
	@command -v chromium >/dev/null || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; \
		else \
			echo 'The browser tests are left out: Chromium is missing (on Debian: sudo apt-get install chromium).'; \
		fi; }
