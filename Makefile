# make train   set up .venv and train on the bundled digits
# make test    all tests, in the same environment, but the longest
# make quick   those of two minutes, for the inner loop
# make chaos   everything under faults, the longest included
# make lint    ruff, mypy, import-linter
# make docs    the documentation as a site, in build/docs
# make bench   the benchmarks, in about five minutes, missed budgets and all; figures are ratios against a named peer (MNIST=file names the data)
# make bench-full   all of them, sweeps too, with more turns
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEV := $(VENV)/.ready-dev
UV ?= $(or $(shell command -v uv),$(BIN)/uv)
# uv installs in seconds what takes pip minutes; where it cannot (a mirror that only pip is told of), pip does.
install = UV_COMPILE_BYTECODE=1 $(UV) pip install --quiet --python $(BIN)/python $(1) \
	|| $(BIN)/python -m pip install --quiet --disable-pip-version-check $(1)
COMPILE = $(UV) pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --no-annotate --no-header --quiet
TESTS ?= tests
QUICK ?= tests/analysis tests/masking tests/data tests/models tests/optim tests/sweep tests/launch/test_cluster.py tests/test_direction.py tests/test_duration.py tests/test_interval.py
SLOWER = tests/analysis/test_report.py tests/sweep/test_commands.py tests/sweep/test_yaml_space.py tests/data/test_shipped.py
MNIST ?= ../shared/data/mnist.npz

.PHONY: train test quick chaos lint docs bench bench-full lock clean

train: $(READY)
	$(BIN)/python train.py

test: $(DEV)
	$(BIN)/python -m pytest -n 4 --dist loadgroup --max-worker-restart 0 $(TESTS)

quick: $(DEV)
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m "not slow and not stress" $(QUICK) $(addprefix --ignore=,$(SLOWER))

chaos: $(DEV)
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m "stress or not stress" tests/chaos tests/servers tests/sweep tests/launch tests/e2e tests/tracking tests/profile tests/cli

lint: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(DEV)
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs build/docs
	@echo open build/docs/index.html

bench: $(DEV)
	-$(BIN)/python -u benchmarks/startup.py --runs 7
	-$(BIN)/python -u benchmarks/training_speed.py --data $(MNIST) --only mlp --turns 2
	-$(BIN)/python -u benchmarks/tracking_overhead.py --data $(MNIST) --store sqlite --workload mlp --only "every step" --turns 1
	-$(BIN)/python -u benchmarks/compare.py --runs 2000 --turns 2

bench-full: $(DEV)
	-$(BIN)/python -u benchmarks/startup.py
	-$(BIN)/python -u benchmarks/training_speed.py --data $(MNIST)
	-$(BIN)/python -u benchmarks/tracking_overhead.py --data $(MNIST)
	-$(BIN)/python -u benchmarks/compare.py
	-$(BIN)/python -u benchmarks/sweep.py
	-$(BIN)/python -u benchmarks/million_points.py
	-$(BIN)/python -u benchmarks/significance.py
	-$(BIN)/python -u benchmarks/importance.py

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	@command -v $(UV) >/dev/null || \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-uv.lock || true
	$(call install,--require-hashes --requirement requirements.lock)
	$(call install,--no-deps --no-build-isolation --editable .)
	@touch $@

$(DEV): $(READY) requirements-dev.lock
	$(call install,--require-hashes --requirement requirements-dev.lock)
	@touch $@

# Exact versions with hashes, for every platform; name no registry. The second has what tests need on top of the first.
lock: $(DEV)
	$(COMPILE) --extra build --extra sweep --output-file requirements.lock pyproject.toml
	$(COMPILE) --extra build --extra sweep --extra dev --extra docs --extra ray --extra slurm --constraint requirements.lock \
		--output-file requirements-dev.lock pyproject.toml
	echo uv | $(COMPILE) --constraint requirements-dev.lock --output-file requirements-uv.lock -

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
