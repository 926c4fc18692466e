# Everything is done by Python's standard library behind these lines; see deploy/local/.
PYTHON ?= python3
PORT ?= 8082
DATA_DIR ?= .tollgate
ARGS ?=

with_env = @exec $(PYTHON) -m deploy.local.bootstrap --
tasks = $(with_env) -m deploy.local

.DEFAULT_GOAL := help
.PHONY: help setup run demo test test-long mutate lint bench profile verify clean

help:  ## show this list
	@exec $(PYTHON) -m deploy.local.make_help Makefile

setup:  ## make .venv from requirements.lock (the others do it when needed)
	@exec $(PYTHON) -m deploy.local.bootstrap

run:  ## start everything on port 8082; PORT=9000 DATA_DIR=.tollgate-b runs a second one beside it
	$(tasks) run --port "$(PORT)" --data-dir "$(DATA_DIR)"

demo:  ## tell the story against the running stack, with the balance after each step
	$(tasks) demo --data-dir "$(DATA_DIR)" $(ARGS)

test:  ## all tests but the long ones; ARGS="-k ledger" picks
	$(tasks) test $(ARGS)

test-long:  ## the tests that take minutes
	$(tasks) test --long $(ARGS)

mutate:  ## take each guard away in a copy, and see the test that misses it fail; ARGS="-k hold" picks
	$(tasks) mutate $(ARGS)

lint:  ## ruff, types and the walls between the rooms
	$(tasks) lint

bench:  ## measure the running stack; ARGS are the benchmark's own
	$(tasks) bench --data-dir "$(DATA_DIR)" $(ARGS)

profile:  ## draw a flame graph of the paid call in the running stack; ARGS=billing draws billing's
	$(tasks) profile --data-dir "$(DATA_DIR)" $(ARGS)

verify:  ## prove the running stack's ledger: every balance, every seal
	$(with_env) -m deploy.cli ledger verify --data-dir "$(DATA_DIR)"

clean:  ## remove .venv, caches and the data of a stopped stack; ends no process
	@exec $(PYTHON) -m deploy.local.clean --data-dir "$(DATA_DIR)" $(ARGS)
