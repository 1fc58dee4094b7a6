# A thin front of packaging/bootstrap.py, which does the same on systems without make.
# Another Python: PYTHON=python3.12 make run. Arguments: make run ARGS="ask 'What is 2 + 2?'"

PYTHON ?= python3
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: run test check bench bench-policy bench-tui format build install clean help

run test check bench bench-policy bench-tui format build install clean help:
	@command -v $(PYTHON) >/dev/null 2>&1 || { echo "There is no $(PYTHON). Install Python 3.11 or newer, or name it: PYTHON=/path/to/python make $@" >&2; exit 1; }
	@$(PYTHON) packaging/bootstrap.py $@ $(ARGS)
