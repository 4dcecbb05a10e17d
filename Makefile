# The project's tasks. `make help` lists them; hooks and CI call the same ones.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
DATA   ?=
RESOLVE = --generate-hashes --universal --python-version 3.11 --no-header --quiet
export PYTHONUNBUFFERED := 1

help:  ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP)  ## make .venv with everything, compile the core; .venv/bin/journeys is the command
	@$(BIN)/python -m deploy.native

$(STAMP): requirements/lock.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(f"setup: Python 3.11 or newer is needed, this is {v[0]}.{v[1]}; say PYTHON=python3.11" if v < (3, 11) else 0)'
	@echo "setup: making $(VENV) (about 250 MB to fetch, 1.2 GB on disk: most of it the ClickHouse engine and Java)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/lock.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP) && echo "setup: done; try $(BIN)/journeys --help"

demo: setup  ## play the demo: real Kafka, Faust, ClickHouse (DATA=company or community, ONCE=1 to end, KAFKA=, CLICKHOUSE= to use yours)
	@$(BIN)/journeys demo $(if $(DATA),--data $(DATA)) $(if $(ONCE),--once) $(if $(KAFKA),--kafka $(KAFKA)) $(if $(CLICKHOUSE),--clickhouse $(CLICKHOUSE))

test: setup check  ## everything that CI runs: checks, then all tests on real Kafka and ClickHouse
	@$(BIN)/python -m pytest -n 2 --dist loadgroup --no-loadscope-reorder

check: setup  ## format, lint, types, layers
	@$(BIN)/ruff format --check --quiet . || (echo "check: run make format" && exit 1)
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@echo "check: clean"

format: setup  ## format the code and sort the imports
	@$(BIN)/ruff check --quiet --fix --select I . ; $(BIN)/ruff format --quiet .

bench: setup  ## ours against idiomatic Faust, then against every engine by a small journey (BENCH="--engines ours,quix --events 200000")
	@$(if $(BENCH),,$(BIN)/python -m tests.bench)
	@$(BIN)/python -m tests.bench --journey small $(BENCH)

simulate: setup  ## the delivery simulation over many more seeds than `make test` takes
	@$(BIN)/python -m tests.simulation --seeds 20000

check-deploy:  ## chart, rules, image and compose file by their own tools, those of them that are installed
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh deploy/check.sh

lock: setup  ## resolve requirements/lock.txt again (hashes, no registry named)
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip compile pyproject.toml --extra embedded --extra dev $(RESOLVE) -o requirements/lock.txt
	@$(BIN)/uv pip compile pyproject.toml -c requirements/lock.txt $(RESOLVE) -o requirements/runtime.txt
	@echo 'quixstreams==3.28.1' | $(BIN)/uv pip compile - $(RESOLVE) -o requirements/bench-quix.txt
	@printf 'bytewax[kafka]==0.21.1\norjson~=3.11\n' | $(BIN)/uv pip compile - $(RESOLVE) -o requirements/bench-bytewax.txt
	@$(BIN)/python -m tests.bench.small.environments
	@echo "lock: wrote requirements/lock.txt (all), runtime.txt (the image), bench-*.txt and the bench's jars (competitors)"

clean:  ## remove what the build made
	@rm -rf $(VENV) .native .bench build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache ; find . -name '*.egg-info' -prune -exec rm -rf {} +

.PHONY: help setup demo test check check-deploy format bench simulate lock clean
