# Each target does all its own set-up: a virtual environment in .venv, made anew when pyproject.toml changes.
#   make demo              thin a made scene, or make demo SCENE=path/to.ply
#   make test              every check: format, lint, types, tests
#   make lint              the checks that take seconds
#   make docs              write docs/library.md, run the examples of README and docs and write what they print
#   make clean             remove what the others made
# PYTHON=python3.12 chooses the interpreter, ARGS="-k cells" goes to pytest.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
SCENE ?=
ARGS ?=

.PHONY: demo test lint docs clean

demo: $(VENV)/core
	$(BIN)/gscli demo $(if $(SCENE),"$(SCENE)")

test: lint
	$(BIN)/python -m pytest -n 2 $(ARGS)

lint: $(VENV)/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

docs: $(VENV)/dev
	$(BIN)/python tests/update_library.py
	$(BIN)/python tests/update_docs.py

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist *.egg-info .demo

# Stamps, touched once an installation has succeeded: core is the package alone, dev adds every extra.
$(VENV)/core: pyproject.toml | $(BIN)/python
	$(PIP) install --editable .
	touch $@

$(VENV)/dev: pyproject.toml | $(BIN)/python
	$(PIP) install --editable '.[dev]'
	touch $@ $(VENV)/core

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
