# One task file. `make` lists the tasks.
SHELL := /bin/sh
.DEFAULT_GOAL := help
BIN := .venv/bin
# The first Python on this machine that is new enough.
PYTHON ?= $(shell for each in python3 python3.13 python3.12 python3.11; do \
	$$each -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$each && break; done)
# Another Python that is asked for by name builds .venv anew; without a name any that is there is kept.
ifneq ($(filter command environment,$(firstword $(origin PYTHON))),)
ASKED := $(shell $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) or print(sys.version))' 2>/dev/null)
ifeq ($(ASKED),)
$(error PYTHON=$(PYTHON) is no Python 3.11 or newer)
endif
ifneq ($(filter-out $(ASKED),$(shell test ! -x $(BIN)/python || $(BIN)/python -c 'import sys; print(sys.version)')),)
.PHONY: .venv/.ready
ANOTHER := yes
endif
endif
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input

.PHONY: help demo test check bench docs lock

help:  ## list the tasks
	@sed -n 's/^\([.a-z]*\):.*  ## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

.venv: .venv/.ready  ## build .venv with the `doorward` command in it
	@touch $@

# The stamp is written last, so that a build that was broken off is done again.
.venv/.ready: pyproject.toml requirements.lock
	@test -n "$(PYTHON)" || { echo "doorward needs Python 3.11 or newer on the path (Debian: apt install python3 python3-venv)" >&2; exit 1; }
	@test -z "$(ANOTHER)" || { echo "taking the .venv of another Python away"; rm -rf .venv; }
	@test -x $(BIN)/python || { echo "making .venv with $(PYTHON)"; $(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }; }
	@echo "installing $$(grep -c '^[a-z0-9].*==' requirements.lock) pinned packages, each checked by its hash"
	@$(PIP) install --require-hashes --requirement requirements.lock
	@echo "installing doorward itself"
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@
	@echo "ready: $(BIN)/doorward"

demo: .venv  ## see every method used, forged, revoked; over HTTPS, on this machine
	@$(BIN)/doorward demo

test: .venv  ## run all tests
	@$(BIN)/python -m pytest

check: .venv  ## format, lint, types, floors
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: .venv  ## measure side by side with the peers (a quarter of an hour, 5 GB of disk)
	@$(BIN)/python -m bench --large

docs: .venv  ## write docs/rfc.md anew from the tests' marks, docs/reference from the code
	@$(BIN)/python -m tests.rfc_page
	@$(BIN)/python -m tests.reference_page

lock: .venv  ## resolve requirements.lock anew (docs/adr/0001-lock-without-hosts.md)
	@$(BIN)/uv pip compile pyproject.toml --extra django --extra fastapi --extra flask --group dev --universal --generate-hashes --quiet \
		--no-header --no-annotate --no-emit-index-url --no-emit-find-links --output-file requirements.lock
	@! grep -n '//' requirements.lock
