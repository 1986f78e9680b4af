# SPDX-License-Identifier: Apache-2.0
# Every target first sets up what it needs (virtual environment, packages, colcon build), and skips what is up to date.
SHELL := /bin/bash
IN_ENV := .ci/run_in_env
PYTEST_ARGS ?=
# Two processes on any machine: tests of timing need the rest of it.
WORKERS ?= 2

.PHONY: help setup test soak slow gpu demo lint format lock dist clean distclean

help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 20

setup:  ## .venv with pinned packages, colcon build into install/
	@.ci/setup

test: setup  ## run the tests, except soak, slow and GPU ones
	@$(IN_ENV) python -m pytest -m "not soak and not slow and not gpu" -n $(WORKERS) --dist loadfile $(PYTEST_ARGS)

soak: setup  ## endurance, load and fuzz tests of the node (under 20 minutes); prints figures
	@$(IN_ENV) python -m pytest test/node -m soak $(PYTEST_ARGS)

slow: setup  ## tests that take minutes: a whole study
	@$(IN_ENV) python -m pytest -m slow $(PYTEST_ARGS)

gpu:  ## with CUDA: GPU tests and benchmark table (about 3 minutes); files in out/gpu/
	@.ci/gpu out/gpu

demo: setup  ## play the demo recording to the node; images, times and errors in out/demo/
	@$(IN_ENV) prv2 demo

lint: setup  ## ruff, codespell, and mypy over the public API
	@$(IN_ENV) ruff check .
	@$(IN_ENV) ruff format --check .
	@$(IN_ENV) codespell
	@$(IN_ENV) mypy --cache-dir out/mypy

format: setup  ## apply ruff's fixes and format
	@$(IN_ENV) ruff check --fix .
	@$(IN_ENV) ruff format .

lock: setup  ## regenerate requirements-lock.txt from the other requirements files
	@{ echo '# Exact versions that `make` installs (CPython 3.11, Linux x86_64). Written by `make lock`; do not edit by hand.'; \
	  .venv/bin/uv pip compile --quiet --python-version 3.11 --python-platform x86_64-manylinux_2_28 --no-header \
	    --no-annotate requirements-dev.txt requirements-extra.txt requirements-ros.txt; } > requirements-lock.tmp \
	  && mv requirements-lock.tmp requirements-lock.txt

dist:  ## build sdist and wheel in dist/, install and run the wheel in a clean environment
	@.ci/release dist

clean:  ## remove build and test outputs, keep .venv
	rm -rf build dist install log out .pytest_cache .ruff_cache .hypothesis *.egg-info
	find prv2_ros test launch -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean  ## remove .venv too
	rm -rf .venv
