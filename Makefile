# A person's commands. Each makes the environment it needs in .venv and is one line that also works alone.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
SOURCES := pyproject.toml CMakeLists.txt tools/environment.py $(wildcard native/*)
# two processes: the models in the tests are tiny, so one thread each is enough
JOBS ?= 2

.DEFAULT_GOAL := help
.PHONY: help tutorial test check fix native docs bench hub clean

help: ## list the commands
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 20

tutorial: $(VENV)/made-user ## walk through everything, with real results, in about a minute
	@$(BIN)/bearhug tutorial

test: $(VENV)/made-test ## run the tests
	$(BIN)/pytest -q -n $(JOBS) --dist worksteal

check: $(VENV)/made-dev ## format, lint, types, floors
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/pytest -q tests/test_floors.py

fix: $(VENV)/made-dev ## let ruff mend format and lint
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

native: $(VENV)/made-dev ## build the compiled core again, in place
	$(BIN)/pip install -q --no-build-isolation --no-deps -e .

docs: $(VENV)/made-docs ## build the site in docs/_build/html
	$(BIN)/sphinx-build -q -W -b html docs docs/_build/html
	@echo "open docs/_build/html/index.html"

bench: $(VENV)/made-test ## run a benchmark: make bench NAME=tokenizer
	$(BIN)/python benchmarks/$(or $(NAME),$(error say which: $(basename $(notdir $(wildcard benchmarks/*.py))) as NAME=...)).py

hub: $(VENV)/made-user ## start a hub on this machine
	@$(BIN)/bearhug hub

clean: ## remove what was built
	rm -rf $(VENV) build docs/_build

$(VENV)/made-user: EXTRAS = hub
$(VENV)/made-test: EXTRAS = test
$(VENV)/made-docs: EXTRAS = docs
$(VENV)/made-dev: EXTRAS = dev
$(VENV)/made-%: $(SOURCES)
	@command -v $(PYTHON) > /dev/null || { echo "bearhug: no $(PYTHON) here; install Python 3.11 or newer (or say make PYTHON=...)."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "bearhug: $(PYTHON) is older than 3.11; say make PYTHON=python3.12 or the like."; exit 1; }
	@$(PYTHON) tools/environment.py $(VENV) $(EXTRAS)
	@touch $@
