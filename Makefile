# Every target sets up what it needs; the first call takes a minute or more, later ones none.
PYTHON := .venv/bin/python
DEMO_RUN ?= runs/demo
BENCH_ARGS ?=
# Two at a time, the tests of a file together: most of a test is one thread of Python.
PYTEST_ARGS ?= -n 2 --dist loadfile
PROTOS := $(patsubst proto/%,tfx_retrieval/proto/%,$(wildcard proto/*.proto))

export TF_USE_LEGACY_KERAS := 1

.PHONY: help setup demo test lint format bench bench-quality golden proto demo-data wheel clean

help: ## Shows this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: ## Builds the private environment .venv
	@scripts/setup.sh

demo: setup ## Trains on 541,909 real transactions, builds the index, recommends
	@.venv/bin/tfx-retrieval demo --output "$(DEMO_RUN)"

test: setup ## Runs every test
	@$(PYTHON) -m pytest $(PYTEST_ARGS)

lint: setup ## Checks style and types
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	scripts/typecheck.sh

format: setup ## Formats the sources
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

bench: setup ## Measures speed beside stock TFX and a bare script: BENCH_ARGS="--help"
	@$(PYTHON) tests/bench/bench_generate.py
	@$(PYTHON) tests/bench/bench_speed.py $(BENCH_ARGS)

bench-quality: setup ## Measures quality on data that you have: BENCH_ARGS="--help"
	@$(PYTHON) tests/bench/bench_quality.py $(BENCH_ARGS)

golden: setup ## Rewrites expected files (generated code, schemas, reference) after a wanted change
	@$(PYTHON) -m pytest -q -m "not slow" --update-golden tests/config tests/components/config_codegen

proto: setup ## Rewrites tfx_retrieval/proto/*_pb2.py from proto/
	@$(PYTHON) -m grpc_tools.protoc -Itfx_retrieval/proto=proto --python_out=. $(PROTOS)

demo-data: setup ## Rebuilds the bundled table: CSV=online_retail.csv.gz
	@$(PYTHON) scripts/make_demo_data.py "$(CSV)"

wheel: setup ## Builds dist/*.whl
	@$(PYTHON) -m pip wheel --quiet --no-deps --wheel-dir dist .

clean: ## Removes the environment, caches, builds and runs
	rm -rf .venv build dist runs .pytest_cache .mypy_cache .ruff_cache .hypothesis ./*.egg-info
	find components pipelines tfx_retrieval tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +
