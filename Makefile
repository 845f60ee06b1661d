# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
#
# make demo         backs up, changes, restores and compares two sample volumes
# make test         all tests; says at the end what was skipped and why
# make test-long    the same, with the sampled tests made exhaustive
# make bench        compares with borg and restic; see bench/README.md
# make lint         ruff, black, mypy
# make test-oldest  dom0's unit tests on the oldest libraries dom0 may have
# make test-3.9     the tests of common and the store on Python 3.9
# make rpm, deb     the packages, in build/; install.mk says what is where
# make clean        removes everything that make made

PYTHON ?= python3
PYTHON39 ?= python3.9
VENV ?= .venv
VENV_OLDEST ?= .venv-oldest
VENV_39 ?= .venv-3.9
PYTEST_ARGS ?=
BENCH_ARGS ?=
REFLINK_BENCH_ARGS ?=

# Where it is set, every process of every test compiles all modules anew.
unexport PYTHONDONTWRITEBYTECODE

PIP_QUIET = PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
PACKAGES = common/wyng_common dom0/wyng_dom0 backupvm/wyng_store

.PHONY: all demo test bench lint test-oldest test-3.9 clean

all: $(VENV)/.runtime

demo: $(VENV)/.runtime
	$(VENV)/bin/python bench/demo.py $(VENV)/bin

test: $(VENV)/.test
	$(VENV)/bin/python -m pytest -ra $(PYTEST_ARGS)

bench: $(VENV)/.runtime
	$(VENV)/bin/python bench/run.py $(BENCH_ARGS)
	$(VENV)/bin/python bench/reflink.py $(REFLINK_BENCH_ARGS) || \
		test $$(id -u) != 0

lint: $(VENV)/.dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/black -q -l 80 --check --diff .
	$(VENV)/bin/mypy --strict
	$(VENV)/bin/mypy --strict --python-version 3.13
	$(VENV)/bin/mypy --strict --python-version 3.11
	$(MAKE) --no-print-directory lint-3.9

# The store must run on any SSH host; newer mypy no longer knows 3.9.
.PHONY: lint-3.9
lint-3.9: $(VENV_OLDEST)/.mypy
	$(VENV_OLDEST)/bin/mypy --strict --python-version 3.9 \
		-p wyng_common -p wyng_store

# Every byte of every index, and whatever else takes too long for each day.
.PHONY: test-long
test-long: $(VENV)/.test
	WYNG_TEST_LONG=1 $(VENV)/bin/python -m pytest -ra $(PYTEST_ARGS)

test-oldest: $(VENV_OLDEST)/.oldest
	$(VENV_OLDEST)/bin/python -m pytest -ra $(wildcard tests/common tests/dom0) \
		$(PYTEST_ARGS)

test-3.9: $(VENV_39)/.test
	$(VENV_39)/bin/python -m pytest -ra $(wildcard tests/common tests/store) \
		$(PYTEST_ARGS)

clean:
	rm -rf $(VENV) $(VENV_OLDEST) $(VENV_39) build demo-out
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
	find common dom0 backupvm tests bench -name __pycache__ -prune \
		-exec rm -rf {} +

# Debian splits ensurepip off; without it `python3 -m venv` fails at length.
define make-venv
	@$(1) -c 'import sys' || { \
		echo "$(1) can't be run: install Python 3.11 or newer" \
			"(package python3) or say make PYTHON=/path/to/it" >&2; \
		exit 1; }
	@$(1) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(1) can't make a virtual environment: install the package" \
			"python3-venv (Debian) or python3-pip (Fedora)" >&2; \
		exit 1; }
	test -x $(2)/bin/pip || { rm -rf $(2); $(1) -m venv $(2); }
endef

$(VENV)/.made: Makefile
	$(call make-venv,$(PYTHON),$(VENV))
	@touch $@

$(VENV)/.runtime: $(VENV)/.made pyproject.toml
	$(PIP_QUIET) $(VENV)/bin/pip install -q -e .
	@touch $@

$(VENV)/.test: $(VENV)/.runtime
	$(PIP_QUIET) $(VENV)/bin/pip install -q -e '.[test,machine]'
	@touch $@

$(VENV)/.dev: $(VENV)/.test
	$(PIP_QUIET) $(VENV)/bin/pip install -q -e '.[test,machine,dev]'
	@touch $@

$(VENV_OLDEST)/.made: Makefile
	$(call make-venv,$(PYTHON),$(VENV_OLDEST))
	@touch $@

# What Fedora 37 has, on which the oldest supported dom0 is built.
$(VENV_OLDEST)/.oldest: $(VENV_OLDEST)/.made pyproject.toml
	$(PIP_QUIET) $(VENV_OLDEST)/bin/pip install -q \
		cryptography==37.0.4 zstandard==0.18.0
	$(PIP_QUIET) $(VENV_OLDEST)/bin/pip install -q -e '.[test]' \
		cryptography==37.0.4 zstandard==0.18.0
	@touch $@

$(VENV_OLDEST)/.mypy: $(VENV_OLDEST)/.made
	$(PIP_QUIET) $(VENV_OLDEST)/bin/pip install -q 'mypy>=1.10,<1.19'
	@touch $@

$(VENV_39)/.made: Makefile
	$(call make-venv,$(PYTHON39),$(VENV_39))
	@touch $@

$(VENV_39)/.test: $(VENV_39)/.made
	$(PIP_QUIET) $(VENV_39)/bin/pip install -q \
		'pytest>=7.4' pytest-mock hypothesis
	@touch $@

include install.mk
