# Every target sets up what it needs; a second run finds it done.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
# glibc returns freed memory to the kernel too eagerly for convolutions; keeping it is worth 10-50 % on CPUs.
export MALLOC_MMAP_THRESHOLD_ ?= 1073741824
export MALLOC_TRIM_THRESHOLD_ ?= 4294967296
export MALLOC_TOP_PAD_ ?= 268435456

.PHONY: help install listen demo low-data taps reproduce table bench campaign test test-fast lint check-gpus clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: .venv/installed ## create .venv and install scoretap with its extras

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --upgrade pip
	$(BIN)/pip install -e '.[demo,dev]'
	touch $@

listen: install ## speak ten digits with shipped weights; nothing is trained: runs/listen/ (seconds)
	$(BIN)/scoretap listen

demo: install ## train on the embedded corpus, draw and score: runs/demo/ (3 to 6 minutes on 2 cores)
	$(BIN)/scoretap demo

# Both studies train small networks, for 1,500 and 3,000 steps, and draw in ten evaluations without a trained vocoder.
FIT := $(BIN)/scoretap fit --config base --config logger/csv
ROW := $(BIN)/scoretap test --config sampling/ancestral --sampling.num_steps 10 --scoring.batch_size 16 --vocoder GriffinLim
TAPS ?= taps_all taps_shallow taps_only_stages_1_0 taps_only_stages_0_0 taps_only_stem signals_features
CORPUS ?= data/arabic_digits
# $(call train,NAME,FLAGS) trains a run, unless it has ended before.
train = { [ -e runs/$(1)/finished ] || { $(FIT) $$data $(2) --trainer.logger.init_args.name $(1) --trainer.logger.init_args.version 0 && touch runs/$(1)/finished; }; }

low-data: install ## study: how little speech is enough: low_data.png (hours on 2 cores; call it again to continue)
	set -e; data="--config data/spoken_digits"; on="--model.init_args.classifier runs/low_data/classifier/version_0"; \
	$(call train,low_data/classifier,--config small/classifier --trainer.max_steps 1000); \
	$(call train,low_data/evaluator,--config small/evaluator --trainer.max_steps 800); \
	for regime in full 3_percent labels_3_5_7 label_4; do for model in score_subnet unet; do run=low_data/$${regime}_$$model; \
	  $(call train,$$run,--config small/$$model --config ablations/data_$$regime $$on --trainer.max_steps 1500); \
	  for scale in 0 0.5 1 2 3 5; do \
	    $(ROW) --ckpt_path runs/$$run/version_0 --sampling.guidance_scale $$scale --scoring.count 200 --scoring.evaluator runs/low_data/evaluator/version_0; \
	  done; done; done
	$(BIN)/scoretap plot runs/low_data --x guidance_scale --y '[fid, accuracy]' --lines model --panels data --output low_data.png

taps: install ## study: which layers to tap; recordings in CORPUS=data/arabic_digits: runs/taps/ (an hour; continues too)
	set -e; data="--config data/speech_commands --data.init_args.root $(CORPUS)"; on="--model.init_args.classifier runs/taps/classifier/version_0"; \
	$(call train,taps/classifier,--config small/classifier --trainer.max_steps 1000); \
	$(call train,taps/evaluator,--config small/evaluator --trainer.max_steps 1500); \
	for taps in $(TAPS); do \
	  $(call train,taps/$$taps,--config small/score_subnet --config ablations/$$taps --trainer.max_steps 3000 $$on); \
	  for scale in 0 3; do \
	    $(ROW) --ckpt_path runs/taps/$$taps/version_0 --sampling.guidance_scale $$scale --scoring.count 512 \
	      --scoring.evaluator runs/taps/evaluator/version_0 --scoring.name "$$taps, γ = $$scale"; \
	  done; done
	$(BIN)/scoretap table runs/taps --output runs/taps/table

TABLE ?= controls
WORKERS ?= 2
reproduce: install ## train and score a table of RESULTS.md from nothing: TABLE=controls WORKERS=2 (hours; continues too)
	bash configs/studies/$(TABLE).sh $(WORKERS)

table: install ## collect the scores of runs/ into one table: table/
	$(BIN)/scoretap table runs

bench: install ## measure what steps, samples and scoring cost: runs/bench/ (about 3 minutes on 2 idle cores)
	PYTHONPATH=tests $(BIN)/python -m bench

CAMPAIGN ?=
campaign: install ## kills, bad disks, pairs, signals, hostile files, counted: runs/campaign/ (30 minutes on 2 idle cores)
	PYTHONPATH=tests $(BIN)/python -m campaign $(CAMPAIGN)

PYTEST = $(BIN)/pytest --numprocesses auto --maxprocesses 4 --dist loadfile # a file of tests is run by one process
test: install ## run all tests, the slow ones too (about 8 minutes on 2 cores)
	$(PYTEST)

test-fast: install ## run the tests that are not marked slow
	$(PYTEST) -m 'not slow'

lint: install ## ruff, and mypy on the mathematics
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check-gpus: install ## run the CUDA and multi-process checks on the devices of this machine
	$(BIN)/pytest -m gpu -v -rs

clean: ## remove runs/, .venv and all of data/, recordings of yours in it too
	rm -rf .venv runs data
