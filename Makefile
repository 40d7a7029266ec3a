# `make demo` and `make test` do all the set-up themselves; a second run needs no network.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

# The members of the workspace are whatever has a pyproject.toml; nothing else lists them.
PROJECTS := core/pyproject.toml $(wildcard plugins/*/pyproject.toml)
MEMBERS := $(patsubst %/pyproject.toml,%,$(PROJECTS))
PACKAGES := imagerag $(subst -,_,$(patsubst plugins/%/pyproject.toml,imagerag_%,$(wildcard plugins/*/pyproject.toml)))

# Tests run in this many processes; each loads torch and small models of its own.
JOBS ?= 2

# Idle OpenMP threads that spin slow every other torch process down many times over.
export OMP_WAIT_POLICY := PASSIVE
export HF_HUB_OFFLINE := 1
export TOKENIZERS_PARALLELISM := false

.PHONY: help install demo docs test test-long test-lowest test-newest lint format bench \
	sandbox-weights measure changelog dist clean

help: ## say what each target does
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

install: $(INSTALLED) ## make .venv with every distribution in editable form

$(INSTALLED): $(PROJECTS) constraints.txt requirements-dev.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -c 'import sys; assert sys.version_info >= (3, 11), "imagerag needs Python 3.11 or newer"'
	$(BIN)/pip install -q -c constraints.txt -r requirements-dev.txt
	# torch is named in this very command, so that nothing else can pull another build of it.
	$(BIN)/pip install -q -c constraints.txt --no-build-isolation torch==2.13.0 torchvision==0.28.0 \
		$(addprefix -e ./,$(MEMBERS))
	touch $@

demo: $(INSTALLED) ## the whole loop on real models; writes out/demo/index.html
	$(BIN)/imagerag demo --out out/demo

docs: $(INSTALLED) ## the documentation as a site, in out/site/; needs no network
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "out/site/index.html; with search: $(BIN)/python -m http.server -d out/site"

test: $(INSTALLED) ## every test but the long ones
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -m "not long" -n $(JOBS) --dist loadfile

test-long: $(INSTALLED) ## the tests that take minutes
	$(BIN)/python -m pytest -q -m long

# NAMES="sdxl clip" takes these distributions; without, those that do without torch.
test-lowest: $(INSTALLED) ## the tests with the lowest versions that the ranges allow; needs the index
	$(BIN)/python scripts/resolutions.py lowest $(NAMES)

test-newest: $(INSTALLED) ## the same with the newest
	$(BIN)/python scripts/resolutions.py newest $(NAMES)

lint: $(INSTALLED) ## ruff and strict types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(addprefix -p ,$(PACKAGES))

format: $(INSTALLED) ## put the code into its standard form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(INSTALLED) ## speed, as ratios measured side by side; the large ones at a fraction of their size
	$(BIN)/python bench/loop_overhead.py
	$(BIN)/python bench/start_up.py
	$(BIN)/python bench/many_plugins.py --rounds 3
	$(BIN)/python bench/bm25.py --captions 20000 --queries 100
	$(BIN)/python bench/search.py --count 20000 --queries 100

measure: $(INSTALLED) ## the sandbox's figures, all held-out concepts
	$(BIN)/imagerag sandbox measure --json

sandbox-weights: $(INSTALLED) ## train the sandbox's models anew (hours); resumes where it stopped
	$(BIN)/python plugins/sandbox/training/run.py --config small

changelog: $(INSTALLED) ## what the fragments of changelog.d/ would become
	$(BIN)/python scripts/changelog.py --draft

# NAMES="core sdxl" takes these distributions only.
dist: $(INSTALLED) ## every wheel and sdist, in dist/: built, checked, installed alone and tried
	$(BIN)/python scripts/dist.py $(NAMES)

clean: ## remove what was built; the environment stays
	rm -rf dist out .pytest_cache .mypy_cache .ruff_cache
