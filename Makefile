# make train   set up .venv and train on the bundled digits
# make test    all tests, in the same environment, but the longest
# make quick   those of two minutes, for the inner loop
# make chaos   everything under faults, the longest included
# make lint    ruff, mypy, import-linter
# make bench   the benchmarks; figures are ratios against a named peer (MNIST=file names the data)
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
TESTS ?= tests
QUICK ?= tests/analysis tests/masking tests/data tests/models tests/optim tests/sweep tests/test_direction.py tests/test_duration.py tests/test_interval.py
MNIST ?= ../shared/data/mnist.npz

.PHONY: train test quick chaos lint bench lock clean

train: $(READY)
	$(BIN)/python train.py

test: $(READY)
	$(BIN)/python -m pytest -n 2 --dist loadgroup --max-worker-restart 0 $(TESTS)

quick: $(READY)
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m "not slow and not stress" $(QUICK)

chaos: $(READY)
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m "stress or not stress" tests/chaos tests/servers tests/sweep/test_launchers.py

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/fit.py --data $(MNIST)
	$(BIN)/python benchmarks/tracking_overhead.py --data $(MNIST) --store sqlite
	$(BIN)/python benchmarks/compare.py
	$(BIN)/python benchmarks/sweep.py

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# Exact versions with hashes, for every platform; names no registry.
lock: $(READY)
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --extra dev --extra sweep --extra ray --extra slurm --generate-hashes \
		--no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet --output-file requirements.lock

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
