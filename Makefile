# One command each; all of them create .venv and build what they need. See CONTRIBUTING.md.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
NATIVE := $(wildcard src/duisign/*.pyx src/duisign/*.pxd)

.PHONY: demo test lint bench bench-quick bench-quick-update count count-update clean

demo: $(VENV)/.cli $(VENV)/.native
	$(BIN)/duisign demo

test: $(VENV)/.test $(VENV)/.native
	$(BIN)/python -m pytest $(TESTS)

lint: $(VENV)/.lint $(VENV)/.native
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/cython-lint src
	$(BIN)/mypy
	$(BIN)/stubtest --mypy-config-file pyproject.toml --allowlist stubtest-allowlist.txt --ignore-unused-allowlist $(patsubst src/duisign/%.pyi,duisign.%,$(wildcard src/duisign/*.pyi))

# All suites, whatever one of them says; the summary comes last. BENCH=--check fails when a bar is missed.
SUITES := bench/bench_sign.py bench/bench_verify.py bench/bench_canonicalize.py bench/bench_scaling.py \
	bench/bench_parts.py bench/bench_workers.py bench/summary.py

bench: $(VENV)/.test $(VENV)/.native
	@status=0; for suite in $(SUITES); do $(BIN)/python $$suite $(BENCH) || status=1; done; exit $$status

bench-quick: $(VENV)/.test $(VENV)/.native
	$(BIN)/python -m pytest bench/test_regression.py

bench-quick-update: $(VENV)/.test $(VENV)/.native
	$(BIN)/python -m pytest bench/test_regression.py --update-ratios

count: $(VENV)/.test $(VENV)/.native
	$(BIN)/python bench/instructions.py

count-update: $(VENV)/.test $(VENV)/.native
	$(BIN)/python bench/instructions.py --update

# What the build itself needs is installed first, so that a rebuild downloads nothing.
$(VENV)/.build: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $$($(BIN)/python -c \
		'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"])')
	touch $@

# An editable install with extras: $(VENV)/.cli, .test, .lint are stamps named after the extra.
$(VENV)/.cli $(VENV)/.test $(VENV)/.lint: $(VENV)/.%: $(VENV)/.build setup.py
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --editable ".[$*]"
	touch $@ $(VENV)/.native

# Edited .pyx, .pxd or setup.py: build in place, only what changed.
$(VENV)/.native: $(NATIVE) setup.py $(VENV)/.build
	$(BIN)/python setup.py --quiet build_ext --inplace
	touch $@

clean:
	rm -rf $(VENV) build src/*.egg-info src/duisign/*.c src/duisign/*.so
