# SPDX-License-Identifier: Apache-2.0
# Every target sets up what it needs first (virtual environment, packages, colcon build); the second run is quick.
SHELL := /bin/bash
IN_ENV := .ci/run_in_env
PYTEST_ARGS ?=

.PHONY: help setup test soak slow gpu demo lint format lock dist clean distclean

help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 20

setup:  ## .venv with pinned packages, colcon build into install/
	@.ci/setup

test: setup  ## the test suite without soak and slow tests
	@$(IN_ENV) python -m pytest -m "not soak and not slow and not gpu" $(PYTEST_ARGS)

soak: setup  ## the node's long tests, under 20 minutes: endurance, load, hostile messages; prints their figures
	@$(IN_ENV) python -m pytest test/node -m soak $(PYTEST_ARGS)

slow: setup  ## the tests that take minutes: a whole study, a Ray cluster
	@$(IN_ENV) python -m pytest -m slow $(PYTEST_ARGS)

gpu:  ## where CUDA is: the tests that need it and the table of the bench, in some 3 minutes; files in out/gpu/
	@.ci/gpu out/gpu

demo: setup  ## play the demo bag to the node; pictures, timing and measures into out/demo/
	@$(IN_ENV) prv2 demo

lint: setup  ## ruff, codespell, and mypy over the public API
	@$(IN_ENV) ruff check .
	@$(IN_ENV) ruff format --check .
	@$(IN_ENV) codespell
	@$(IN_ENV) mypy --cache-dir out/mypy

format: setup  ## let ruff put the code in order
	@$(IN_ENV) ruff check --fix .
	@$(IN_ENV) ruff format .

lock: setup  ## write requirements-lock.txt anew from the other requirements files
	@{ echo '# Exact versions that `make` installs (CPython 3.11, Linux x86_64). Written by `make lock`; do not edit by hand.'; \
	  .venv/bin/uv pip compile --quiet --python-version 3.11 --python-platform x86_64-manylinux_2_28 --no-header \
	    --no-annotate requirements-dev.txt requirements-extra.txt requirements-ros.txt; } > requirements-lock.tmp \
	  && mv requirements-lock.tmp requirements-lock.txt

dist:  ## sdist and wheel into dist/, the wheel installed and run in a clean environment
	@.ci/release dist

clean:  ## remove what builds and tests leave, keep .venv
	rm -rf build dist install log out .pytest_cache .ruff_cache .hypothesis *.egg-info
	find prv2_ros test launch -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean  ## remove .venv too
	rm -rf .venv
