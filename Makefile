# One command each; all of them create .venv and build what they need. See CONTRIBUTING.md.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
NATIVE := $(wildcard src/duisign/*.pyx src/duisign/*.pxd src/duisign/*.h)
# Tests that run what is native, without peers, benchmarks and measurements of memory.
CORE   := $(filter-out tests/test_bench%.py tests/test_memory.py tests/test_documentation%.py \
	tests/test_committed_ratios.py tests/test_instruction_counts.py, $(wildcard tests/test_*.py))
SHARED := -n logical --dist worksteal

.PHONY: demo test lint docs bench bench-quick bench-quick-update count count-update plain sanitize fuzz sdist wheel aarch64 musl windows clean

demo: $(VENV)/.cli $(VENV)/.native
	$(BIN)/duisign demo

# All processors share what does not measure time; the rest has the machine to itself. TESTS=tests/test_signing.py for less,
# of which one of the two may then have nothing (5).
test: $(VENV)/.test $(VENV)/.native
	$(BIN)/python -m pytest $(SHARED) -m 'not timed' $(TESTS) $(if $(TESTS),|| test $$? = 5)
	$(BIN)/python -m pytest -m timed $(TESTS) $(if $(TESTS),|| test $$? = 5)

lint: $(VENV)/.lint $(VENV)/.native
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/cython-lint src
	$(BIN)/mypy
	$(BIN)/stubtest --mypy-config-file pyproject.toml --allowlist stubtest-allowlist.txt --ignore-unused-allowlist $(patsubst src/duisign/%.pyi,duisign.%,$(wildcard src/duisign/*.pyi))

# The site, into build/docs: anew each time, for a page that is not read again gives no warning, and warnings are errors.
docs: $(VENV)/.docs
	rm -rf build/docs build/doctrees
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going --doctree-dir build/doctrees docs build/docs

# All suites, whatever one of them says; the summary comes last. BENCH=--check fails when a bar is missed.
SUITES := bench/bench_sign.py bench/bench_verify.py bench/bench_canonicalize.py bench/bench_scaling.py \
	bench/bench_parts.py bench/bench_workers.py bench/bench_batches.py bench/bench_service.py bench/summary.py

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

# What other platforms get: the branch of the scanner for processors without SSE2 and NEON, SHA-256 by hashlib, and trees
# by lxml.
plain: $(VENV)/.test build/plain/.built
	PYTHONPATH=build/plain/lib DUISIGN_EXPECTED_SCAN=plain DUISIGN_EXPECTED_LOADED=nothing $(BIN)/python -m pytest -q \
		-m 'not borrowed' tests/test_batch_endings.py tests/test_batches.py tests/test_byte_lane.py \
		tests/test_document_tree.py tests/test_key_info_rules.py tests/test_sha256.py tests/test_signing.py \
		tests/test_verification_rules.py

# Python's allocator would hide what goes wrong with objects.
sanitize: $(VENV)/.test build/sanitize/.built
	PYTHONPATH=build/sanitize/lib PYTHONMALLOC=malloc ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 \
		UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
		LD_PRELOAD="$(foreach library,asan ubsan stdc++,$(shell $(CC) -print-file-name=lib$(library).so))" \
		$(BIN)/python -m pytest -q $(SHARED) -m 'not release_build and not timed' $(CORE)

# FUZZ="--seconds 60" for a short run; without it five million executions.
fuzz: $(VENV)/.fuzz build/fuzz/.built
	$(BIN)/python tests/fuzz/run.py $(FUZZ)

build/fuzz/.built: export CC = clang
build/fuzz/.built: export LDSHARED = clang -shared
build/%/.built: $(NATIVE) setup.py $(wildcard src/duisign/*.py src/duisign/*/*.py) | $(VENV)/.build
	DUISIGN_BUILD=$* $(BIN)/python setup.py --quiet build --build-base build/$* --build-lib build/$*/lib
	touch $@

# The sdist, built, installed and used in an environment that has nothing else.
sdist: $(VENV)/.build
	rm -rf build/sdist
	$(BIN)/python -m pip install --quiet --disable-pip-version-check build
	$(BIN)/python -m build --quiet --sdist --outdir build/sdist
	$(PYTHON) -m venv build/sdist/venv
	build/sdist/venv/bin/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir build/sdist \
		build/sdist/*.tar.gz
	build/sdist/venv/bin/python -m pip install --quiet --disable-pip-version-check build/sdist/*.whl
	cd build/sdist && venv/bin/python -I -c "import duisign, duisign.testing as t; s = t.Smki.create().user; \
		d = duisign.Signer(s.private_key, s.certificate).sign(b'<a/>'); \
		print(duisign.Verifier(duisign.PinnedCertificates([s.certificate])).verify(d))"

# The wheel that was made of it, tested as cibuildwheel does: by its test-command, with what that asks for alone, in a
# folder where no sources are. PYTHON=python3.14 for the wheel of another one.
wheel: TOOL := import tomllib; tool = tomllib.load(open("pyproject.toml", "rb"))["tool"]["cibuildwheel"]
wheel: sdist
	rm -rf build/wheel
	$(PYTHON) -m venv build/wheel/venv
	build/wheel/venv/bin/python -m pip install --quiet --disable-pip-version-check \
		"$$(echo build/sdist/*.whl)[$$($(BIN)/python -c '$(TOOL); print(*tool["test-extras"], sep=",")')]" \
		$$($(BIN)/python -c '$(TOOL); print(*tool["test-requires"])')
	command=$$($(BIN)/python -c '$(TOOL); print(tool["test-command"].format(project="../.."))') && \
		cd build/wheel && PATH="$$PWD/venv/bin:$$PATH" sh -c "$$command"

# The tests of the wheel for aarch64, with CPython of Debian under an emulator.
aarch64: $(VENV)/.test $(VENV)/.native
	$(BIN)/python tests/platforms/aarch64.py

# Those of the wheel for musl, and of what reads JSON in threads, with a CPython that is built for it.
musl: $(VENV)/.cli
	$(BIN)/python tests/platforms/musl.py

# Those of the wheel for Windows: a cross compiler, and CPython for Windows under Wine.
windows: $(VENV)/.test $(VENV)/.native
	$(BIN)/python tests/platforms/windows.py

# What the build itself needs is installed first, so that a rebuild downloads nothing.
$(VENV)/.build: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $$($(BIN)/python -c \
		'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"])')
	touch $@

# An editable install with extras: $(VENV)/.cli, .test, .lint, .docs, .fuzz are stamps named after the extra.
$(VENV)/.cli $(VENV)/.test $(VENV)/.lint $(VENV)/.docs $(VENV)/.fuzz: $(VENV)/.%: $(VENV)/.build setup.py
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --editable ".[$*]"
	touch $@ $(VENV)/.native

# Edited .pyx, .pxd or setup.py: build in place, only what changed.
$(VENV)/.native: $(NATIVE) setup.py $(VENV)/.build
	$(BIN)/python setup.py --quiet build_ext --inplace
	touch $@

clean:
	rm -rf $(VENV) build src/*.egg-info src/duisign/*.c src/duisign/*.so
