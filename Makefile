# The project's tasks. `make help` lists them; hooks and CI call the same ones.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
DATA   ?=
RESOLVE = --generate-hashes --universal --python-version 3.11 --no-header --quiet
# With --quiet it would not count the warnings, and a broken link would pass.
SITE = mkdir -p build && (NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict >build/mkdocs.log 2>&1 || (grep -v ^INFO build/mkdocs.log; exit 1))
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

sdks: setup  ## make .sdks: the vendors' own Python and Node SDKs, for the tests of `journeys collect`
	@$(BIN)/python tests/streams/collect/sdk_setup.py

test: setup sdks check  ## everything that CI runs: checks, then all tests on real Kafka and ClickHouse
	@$(BIN)/python -m deploy.browser
	@$(BIN)/python -m deploy.promtool
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --durations=25 --durations-min=5

check: setup  ## format, lint, types, layers, links of the documentation
	@$(BIN)/ruff format --check --quiet . || (echo "check: run make format" && exit 1)
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(SITE)
	@echo "check: clean"

format: setup  ## format the code and sort the imports
	@$(BIN)/ruff check --quiet --fix --select I . ; $(BIN)/ruff format --quiet .

docs: setup  ## build the documentation into build/site, and make its generated pages again
	@$(BIN)/python -m deploy.docs && $(BIN)/python -m streams.asyncapi && $(BIN)/python -m deploy.grafana
	@$(SITE)
	@echo "docs: open build/site/index.html"

links: setup  ## ask whether the addresses of others in the documentation answer; needs the internet, so it is no part of `make test`
	@$(BIN)/python -m deploy.docs.links

first-transition: $(STAMP)  ## from nothing to the first live transition on the board, timed: local Kafka, engine, sink, ClickHouse; does not compile the core
	@$(BIN)/python -m deploy.first

bench: setup  ## ours against Faust that does the same work (half an hour), then against every engine by a small journey (BENCH="--engines ours,quix --events 200000")
	@$(if $(BENCH),,$(BIN)/python -m tests.bench)
	@$(BIN)/python -m tests.bench --journey small $(BENCH)

bench-scale: setup  ## one worker with a million users: memory, restart, 100,000 timers in a minute, the sink, latency (BENCH="--events 100000 ...")
	@$(BIN)/python -m tests.bench.scale $(BENCH)

bench-board: setup  ## every query of the board on 100,000 accounts, timed
	@$(BIN)/python -m tests.bench.board

simulate: setup  ## the delivery simulation over many more seeds than `make test` takes
	@$(BIN)/python -m tests.simulation --seeds 20000

chaos: setup  ## the fault suite on real Kafka and ClickHouse: every case (SEEDS=20; CASE=name for one), then the negative controls
	@$(BIN)/python -m tests.chaos $(if $(SEEDS),--seeds $(SEEDS)) $(if $(CASE),--case $(CASE))
	@$(if $(CASE),true,$(BIN)/python -m tests.chaos --controls)

soak: setup  ## MINUTES=30 at half of the throughput measured first, with a fault every minute
	@$(BIN)/python -m tests.chaos.soak $(if $(MINUTES),--minutes $(MINUTES))

check-deploy:  ## chart, rules, image and compose file by their own tools, those of them that are installed
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh deploy/check.sh

audit: setup  ## known vulnerabilities of what is pinned (ADVISORIES=folder for a copy of the database); 1 found, 2 nobody could be asked
	@$(BIN)/python -m deploy.audit $(if $(ADVISORIES),--advisories $(ADVISORIES))

lock: setup sdks  ## resolve requirements/lock.txt again (hashes, no registry named)
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip compile pyproject.toml --extra embedded --extra dev $(RESOLVE) -o requirements/lock.txt
	@$(BIN)/uv pip compile pyproject.toml -c requirements/lock.txt $(RESOLVE) -o requirements/runtime.txt
	@$(BIN)/uv pip compile requirements/sdks.in $(RESOLVE) -o requirements/sdks.txt
	@$(BIN)/uv pip compile requirements/audit.in $(RESOLVE) -o requirements/audit.txt
	@cd tests/streams/collect/node && PATH=$(CURDIR)/.sdks/bin:$$PATH npm install --package-lock-only --ignore-scripts --no-audit --no-fund --omit-lockfile-registry-resolved=true --loglevel=error
	@echo 'quixstreams==3.28.1' | $(BIN)/uv pip compile - $(RESOLVE) -o requirements/bench-quix.txt
	@printf 'bytewax[kafka]==0.21.1\norjson~=3.11\n' | $(BIN)/uv pip compile - $(RESOLVE) -o requirements/bench-bytewax.txt
	@$(BIN)/python -m tests.bench.small.environments
	@echo "lock: wrote requirements/lock.txt (all), runtime.txt (the image), sdks.txt, audit.txt, bench-*.txt and the bench's jars"

clean:  ## remove what the build made
	@rm -rf $(VENV) .sdks .audit .native .bench build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache ; find . -name '*.egg-info' -prune -exec rm -rf {} +

.PHONY: help setup demo test sdks check check-deploy docs links first-transition format bench bench-scale bench-board simulate chaos soak audit lock clean
