# Each target is a line or two; CONTRIBUTING.md says when to use which.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup run test check bench clean

setup: .venv/.setup-stamp

.venv/.setup-stamp: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

run: setup
	$(BIN)/gridloop run

test: setup
	$(BIN)/python -m pytest -n auto -q

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n auto -q

bench: setup
	for name in powerflow feeder contingencies opf commitment flexibility 131m; do $(BIN)/gridloop bench $$name --quick || exit 1; done

clean:
	rm -rf .venv runs
