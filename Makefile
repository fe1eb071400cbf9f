# Every target sets up what it needs; a second run finds it done.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
# glibc returns freed memory to the kernel too eagerly for convolutions; keeping it is worth 10-50 % on CPUs.
export MALLOC_MMAP_THRESHOLD_ ?= 1073741824
export MALLOC_TRIM_THRESHOLD_ ?= 4294967296
export MALLOC_TOP_PAD_ ?= 268435456

.PHONY: help install listen demo table bench test test-fast lint check-gpus clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: .venv/installed ## create .venv and install scoretap with its extras

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --upgrade pip
	$(BIN)/pip install -e '.[demo,dev]'
	touch $@

listen: install ## hear ten digits from shipped weights, nothing is trained: runs/listen/ (seconds)
	$(BIN)/scoretap listen

demo: install ## train the method on the embedded corpus and hear it: runs/demo/ (about 6 minutes on 2 cores)
	$(BIN)/scoretap demo

table: install ## collect scores of runs/ into table/
	$(BIN)/scoretap table runs

bench: install ## measure ratios of cost side by side: runs/bench/ (about 3 minutes on 2 idle cores)
	PYTHONPATH=tests $(BIN)/python -m bench

test: install ## run all tests, the slow ones too
	$(BIN)/pytest

test-fast: install ## run the tests that are not marked slow
	$(BIN)/pytest -m 'not slow'

lint: install ## ruff, and mypy on the mathematics
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check-gpus: install ## run the CUDA and multi-process checks on the devices of this machine
	$(BIN)/pytest -m gpu -v -rs

clean: ## remove runs, generated corpora and .venv
	rm -rf .venv runs data
