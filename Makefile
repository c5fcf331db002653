# make help lists the targets. Everything is installed into .venv, in the versions of requirements.lock.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
CORES ?= all
ASSAY ?= ATAC
MODEL ?= chrombpnet
PYTEST_ARGS ?=
WORKERS ?= 2
SCALE ?= 1
FUZZ ?=
FUZZ_MINUTES ?= 10

BIN := .venv/bin
# Rules of the workflow call "python": with .venv first on the path, that is the one with all packages.
RUN := PATH="$(CURDIR)/$(BIN):$$PATH"
# make demo MODEL=basenji is the demo of Basenji2.
SISTER := $(patsubst basenji,basenji2,$(filter-out chrombpnet,$(MODEL)))
DEMO_CONFIG := config/demo/config$(if $(SISTER),.$(SISTER),$(if $(filter DNASE,$(ASSAY)),.dnase)).yaml
DEMO_REPORT := demo/results/$(or $(SISTER),$(ASSAY))/report.html

.PHONY: help setup setup-test demo test test-fast bench bench-training bench-contributions bench-variants fuzz lint format system-deps lock dockerfile clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.setup  ## install what runs need into .venv

setup-test: .venv/.setup-test  ## install what tests need into .venv

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "bpflow needs Python 3.11 or newer, but $(PYTHON) is $$($(PYTHON) --version 2>&1). Name another: make setup PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv .venv || \
		{ rm -rf .venv; echo "No virtual environment could be made. On Debian: apt-get install python3-venv" >&2; exit 1; }

.venv/.setup: requirements.lock pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[workflow]'
	@touch $@

.venv/.setup-test: requirements.lock pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[workflow,test]'
	@touch $@ .venv/.setup

demo: .venv/.setup  ## run the embedded demo; ASSAY=DNASE for the other enzyme, MODEL=bpnet, procapnet or basenji for a sister model
	@[[ -f "$(DEMO_CONFIG)" ]] || { echo "MODEL=$(MODEL) is not known: chrombpnet, bpnet, procapnet or basenji" >&2; exit 1; }
	@[[ "$(ASSAY)" == ATAC || "$(ASSAY)" == DNASE ]] || { echo "ASSAY=$(ASSAY) is not known: ATAC or DNASE" >&2; exit 1; }
	@$(RUN) python -m snakemake --cores $(CORES) --configfile $(DEMO_CONFIG)
	@echo "The report: $(CURDIR)/$(DEMO_REPORT)"

# Files of tests beside each other, in the order of tests/conftest.py, each with one thread where a test does not ask for
# more.
BESIDE := OMP_NUM_THREADS=1 python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder
# What pytest ends with where PYTEST_ARGS chooses none.
NONE_CHOSEN := 5

test: .venv/.setup-test  ## run all tests
	$(RUN) $(BESIDE) -m "not alone" $(PYTEST_ARGS) || [[ $$? -eq $(NONE_CHOSEN) ]]
	$(RUN) python -m pytest -m alone $(PYTEST_ARGS) || [[ $$? -eq $(NONE_CHOSEN) ]]

test-fast: .venv/.setup-test  ## run the tests that take less than five minutes together
	$(RUN) $(BESIDE) -m "not slow and not system" $(PYTEST_ARGS)

bench: .venv/.setup-test  ## time the data steps at human scale beside other programs; make bench SCALE=0.01 for a look
	$(RUN) python benchmarks/data_path.py --scale $(SCALE)

bench-training: .venv/.setup-test  ## time training and prediction beside a plain PyTorch model
	$(RUN) python benchmarks/training.py

bench-contributions: .venv/.setup-test  ## time contribution scores beside tangermeme's
	$(RUN) python benchmarks/contributions.py

bench-variants: .venv/.setup-test  ## time scoring variants beside plain predictions
	$(RUN) python benchmarks/variants.py

fuzz: .venv/.setup-test  ## give damaged files to all readers, FUZZ_MINUTES=10 each; make fuzz FUZZ=fragments for one
	PYTHONPATH=src:tests $(BIN)/python -m fuzz --minutes $(FUZZ_MINUTES) $(FUZZ)

lint: .venv/.setup-test  ## check formatting, style, types and the workflow
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile workflow
	$(RUN) python -m snakemake --lint

format: .venv/.setup-test  ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/snakefmt Snakefile workflow

SYSTEM_DEPS := samtools bedtools chromium poppler-utils slurm-wlm munge

system-deps:  ## install the Debian packages that some tests need
	@missing=(); for name in $(SYSTEM_DEPS); do \
		dpkg-query -W -f='$${Status}' "$$name" 2>/dev/null | grep -q 'ok installed' || missing+=("$$name"); done; \
	if [[ $${#missing[@]} -eq 0 ]]; then echo "system packages are there: $(SYSTEM_DEPS)"; exit 0; fi; \
	command -v apt-get >/dev/null || { echo "not a Debian-like system; install by hand: $${missing[*]}" >&2; exit 1; }; \
	sudo=; [[ $$(id -u) -eq 0 ]] || sudo=sudo; \
	$$sudo apt-get update -qq && \
	$$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$${missing[@]}"

# What is installed now, without local builds (torch's +cpu) and without the package itself.
lock:  ## write the versions installed in .venv to requirements.lock
	@{ echo "# Exact versions that are tested, used as constraints: pip install -c requirements.lock -e '.[workflow]'"; \
	$(BIN)/python -m pip freeze --exclude-editable --exclude pip --exclude setuptools \
		| grep -v ' @ ' | sed -E 's/\+[A-Za-z0-9.]+$$//' | LC_ALL=C sort -f; } > requirements.lock.part
	@mv requirements.lock.part requirements.lock
	@echo "requirements.lock: $$(grep -c == requirements.lock) packages"

# Snakemake's recipe begins with whatever image is the latest.
BASE_IMAGE := condaforge/miniforge3:25.3.1-0

dockerfile: .venv/.setup  ## write Dockerfile from envs/*.yaml and their pin files; needs conda
	@{ echo "# The conda environments of all steps, where Snakemake looks for them. Written by 'make dockerfile'."; \
	$(RUN) python -m snakemake --containerize --configfile config/demo/config.yaml \
		| sed 's|^FROM .*|FROM $(BASE_IMAGE)|'; } > Dockerfile.part
	@mv Dockerfile.part Dockerfile

clean:  ## remove the environment, the demo and caches; results of your own runs stay
	rm -rf .venv demo .snakemake .mypy_cache .ruff_cache .pytest_cache build dist fuzz_findings
