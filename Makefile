# Each target does all its own set-up: a virtual environment in .venv, made anew when pyproject.toml or the C
# sources change.
#   make demo              thin a made scene, or make demo SCENE=path/to.ply
#   make test              every check: format, lint, types, tests
#   make lint              the checks that take seconds
#   make oldest            test what touches NumPy and Click with Python 3.10 and the oldest versions that
#                          pyproject.toml allows, by fewer cases; skipped where there is no such Python, unless CI is set
#   make newest            the same with Python 3.13 and the newest versions
#   make sanitized         the tests of compiled kernels with those built to notice bad memory and undefined behaviour
#   make docs              write docs/library.md, run the examples of README and docs and write what they print, draw pictures
#   make clean             remove what the others made
# PYTHON=python3.12 chooses the interpreter, ARGS="-k cells" goes to pytest.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
SOURCES := pyproject.toml $(wildcard gscli/_core/*.[ch])
SCENE ?=
ARGS ?=
TWO_CORES := -n 2 --dist worksteal # tests of a file stay together, and with them what they share
CHECKED := build/sanitized
COMPILED := tests/_core tests/neighbors/test_kdtree_engine.py tests/neighbors/test_several.py \
	tests/rasterizers $(foreach name,activations cells cellsize columns covariances elementary images kd_tree marks merging picks quantising radix splatting,tests/kernels/test_$(name).py)
VERSIONED := tests/formats tests/kernels tests/neighbors tests/grids tests/test_cloud.py tests/test_resample.py tests/cli

# Tests start some thousand processes, of which each would compile what it imports.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test lint oldest newest sanitized docs clean

demo: $(VENV)/core
	$(BIN)/gscli demo $(if $(SCENE),"$(SCENE)")

test: lint
	$(BIN)/python -m pytest $(TWO_CORES) $(ARGS)

lint: $(VENV)/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

oldest newest: $(VENV)/dev
	$(BIN)/nox --$(if $(CI),error,no-error)-on-missing-interpreters \
		--session 'tests-$(if $(filter oldest,$@),3.10,3.13)(core, $@)' -- -m 'not once' --each-value 2 $(VERSIONED) $(ARGS)

sanitized: $(VENV)/dev
	rm -rf $(CHECKED)
	mkdir -p $(CHECKED)
	tar --exclude=__pycache__ --exclude='*.so' -cf - gscli tests pyproject.toml README.md LICENSE Makefile | \
		tar -xf - -C $(CHECKED)
	cd $(CHECKED) && CFLAGS="-fsanitize=address,undefined -fno-sanitize-recover=all" \
		$(CURDIR)/$(BIN)/python -c "import setuptools; setuptools.setup()" --quiet build_ext --inplace
	cd $(CHECKED) && export CI= ASAN_OPTIONS=detect_leaks=0 LD_PRELOAD="$$($(CC) -print-file-name=libasan.so)" && \
		$(CURDIR)/$(BIN)/python -c "from gscli import _core; assert _core.available(), _core.trouble()" && \
		$(CURDIR)/$(BIN)/python -m pytest $(TWO_CORES) -m 'not uncompiled' $(COMPILED) $(ARGS)

docs: $(VENV)/dev
	$(BIN)/python tests/update_library.py
	$(BIN)/python tests/update_docs.py
	$(BIN)/python tests/update_pictures.py

clean:
	rm -rf $(VENV) .nox .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist *.egg-info .demo gscli/_core/*.so

# Stamps, touched once an installation has succeeded: core is the package alone, dev adds every extra.
$(VENV)/core: $(SOURCES) | $(BIN)/python
	$(PIP) install --editable .
	touch $@

$(VENV)/dev: $(SOURCES) | $(BIN)/python
	$(PIP) install --editable '.[dev]'
	touch $@ $(VENV)/core

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
