# Two commands matter: `make demo` (the whole road on real data) and `make test` (everything that is checked).
# Both set themselves up in .venv: with uv where it is installed, else with venv and pip. No Node is needed for the demo.
# Bytecode is compiled once: an import of scikit-learn or MLflow costs three times as much without, a command a quarter more.

SHELL := /bin/sh
unexport PYTHONDONTWRITEBYTECODE
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' && echo $$p && break; done)
DEMO ?= demo
# jlpm is JupyterLab's own yarn; its scripts call it and jupyter-builder by name.
JLPM = PATH="$(CURDIR)/$(BIN):$$PATH" jlpm

ifeq ($(UV),)
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input
else
INSTALL = uv pip install --quiet --compile-bytecode --python $(BIN)/python
endif

.DEFAULT_GOAL := help
.PHONY: help demo lab test lint check front-end bench soak lock clean

help:
	@echo 'make demo   the whole road on real data, headless: about two minutes after installation'
	@echo 'make lab    JupyterLab on the project that the demo made (needs Node 20+ once, to build the panel)'
	@echo 'make test   every check and every test'
	@echo 'make bench  the benchmarks, as ratios'
	@echo 'make soak   faults at every system call of the gate, and power cuts, kills at random: hours (needs strace)'

demo: $(VENV)/.runtime
	@$(BIN)/python -m workbench.demo $(DEMO)

lab: $(VENV)/.runtime workbench/labextension/package.json
	@test -f $(DEMO)/workbench.toml || $(BIN)/mlops init $(DEMO) --template shuttle
	@cd $(DEMO) && "$(CURDIR)/$(BIN)/jupyter" lab $(if $(filter 0,$(shell id -u)),--allow-root)

test: lint front-end
	$(BIN)/pytest

# --- checks ------------------------------------------------------------------------------------------------------

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

front-end: $(VENV)/.dev workbench/labextension/package.json
	cd labextension && $(JLPM) lint:check
	cd labextension && $(JLPM) test

bench: $(VENV)/.dev
	@for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

# The long forms of what is killed, cut off and filled up at random; the short ones are part of `make test`.
soak: $(VENV)/.dev
	$(BIN)/python -m tests.faults.power_cut --cuts 5000
	$(BIN)/python -m tests.faults.power_cut --cuts 300 --planted
	$(BIN)/python -m tests.faults.crash
	WORKBENCH_KILLS=200 $(BIN)/pytest -s -n 0 tests/targets/test_many_kills.py -k lose
	WORKBENCH_CHAOS_S=600 WORKBENCH_CHAOS_N=16 $(BIN)/pytest -s -n 0 --timeout 1800 tests/bad_day/test_many_notebooks.py
	WORKBENCH_FUZZ_EXAMPLES=5000 $(BIN)/pytest -n 0 --timeout 7200 tests/review/test_fuzz.py

# --- environment -------------------------------------------------------------------------------------------------

$(BIN)/python:
	@test -n "$(UV)$(PYTHON)" || { echo 'make: Python 3.11 or newer is needed: https://www.python.org/downloads/'; exit 1; }
	@echo 'Creating $(VENV) …'
ifeq ($(UV),)
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo 'make: on Debian and Ubuntu: apt install python3-venv'; exit 1; }
else
	@uv venv --quiet --python '>=3.11' $(VENV)
endif

$(VENV)/.runtime: requirements/runtime.txt pyproject.toml | $(BIN)/python
	@echo 'Installing what the workbench stands on (a minute or two) …'
	@$(INSTALL) --require-hashes -r requirements/runtime.txt
	@rm -rf $(VENV)/share/jupyter/labextensions/@mlops-workbench/labextension  # an older link stops the installer
	@HATCH_BUILD_NO_HOOKS=true $(INSTALL) --no-deps --editable .
	@mkdir -p $(VENV)/etc/jupyter/jupyter_server_config.d $(VENV)/share/jupyter/labextensions/@mlops-workbench
	@ln -sfn "$(CURDIR)/workbench/doors/server/jupyter-config/mlops_workbench.json" \
	  $(VENV)/etc/jupyter/jupyter_server_config.d/mlops_workbench.json
	@rm -rf $(VENV)/share/jupyter/labextensions/@mlops-workbench/labextension  # else the link would land inside it
	@ln -sfn "$(CURDIR)/workbench/labextension" $(VENV)/share/jupyter/labextensions/@mlops-workbench/labextension
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.runtime
	@echo 'Installing the tools that check it …'
	@$(INSTALL) --require-hashes -r requirements/dev.txt
	@touch $@

# The panel is built once; from the wheel it comes prebuilt.
FRONT_END := $(shell find labextension/src labextension/style labextension/schema -type f 2>/dev/null) labextension/package.json

labextension/node_modules/.installed: labextension/package.json labextension/yarn.lock | $(VENV)/.dev
	@command -v node >/dev/null || { echo 'make: building the panel needs Node 20 or newer: https://nodejs.org'; exit 1; }
	cd labextension && $(JLPM) install --immutable
	@touch $@

workbench/labextension/package.json: $(FRONT_END) labextension/node_modules/.installed
	cd labextension && $(JLPM) build:prod
	@touch $@

lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet \
	  --constraint requirements/constraints.txt --extra samples pyproject.toml -o requirements/runtime.txt
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet \
	  --extra samples --extra dev --constraint requirements/runtime.txt pyproject.toml -o requirements/dev.txt

clean:
	rm -rf $(VENV) labextension/node_modules labextension/lib workbench/labextension dist build
