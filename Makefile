# Needs make and Python 3.11 or newer with venv. Everything else goes into .venv, nothing outside this folder
# (but for the caches of pip and uv in your home).

PYTHON ?= python3
MEMBERS := libs/common libs/client services/gateway services/ingest-worker services/package-worker services/scheduler \
           deploy/local
BIN := .venv/bin
UV = $(BIN)/python -m uv
# Compiled once here, not by each process that starts: where Python may write no bytecode that is seconds every time.
INSTALL = $(UV) pip install --quiet --compile-bytecode --python $(BIN)/python
LOCK := requirements.lock
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
          --no-emit-index-url --no-emit-package wharf-common --no-emit-package wharf-client --custom-compile-command 'make lock' \
          --group pyproject.toml:dev $(MEMBERS:%=%/pyproject.toml)
IMAGES := gateway ingest-worker package-worker scheduler
VERSION ?= 0.1.0
# The server that Compose runs, as its .env says: backups need the programs of the same version.
POSTGRES_VERSION ?= $(shell sed -n 's/^POSTGRES_VERSION=//p' deploy/compose/.env 2>/dev/null)
DOCKER_BUILD = DOCKER_BUILDKIT=1 docker build $(BUILD_FLAGS) --file deploy/docker/Dockerfile
COMPOSE ?= $(shell docker compose version >/dev/null 2>&1 && echo docker compose || echo docker-compose)
COVERAGE ?=
# As many test processes as there are cores, each with a stack of its own; a file's tests stay together (conftest.py).
SIDE_BY_SIDE = --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
ARGS ?=
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# uv reads none of pip's settings: a mirror or a certificate bundle that pip was told of holds for uv too.
ifdef PIP_INDEX_URL
export UV_DEFAULT_INDEX ?= $(PIP_INDEX_URL)
endif
ifdef PIP_CERT
export SSL_CERT_FILE ?= $(PIP_CERT)
endif
export UV_NO_PROGRESS ?= 1
export UV_PYTHON_DOWNLOADS := never
export PIP_DISABLE_PIP_VERSION_CHECK := 1

VERSION_OF = import sys; print('.'.join(map(str, sys.version_info[:3])))

# A PYTHON that was asked for (and only then) replaces a .venv of another version.
ifneq ($(origin PYTHON),file)
ifneq ($(shell $(PYTHON) -c "$(VERSION_OF)" 2>&1),$(shell $(BIN)/python -c "$(VERSION_OF)" 2>/dev/null))
.PHONY: .venv/.stamp
RENEW := --clear
endif
endif

.PHONY: help
help: ## Say what there is to make (this list)
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  PYTHON=python3.12 chooses the interpreter of .venv; ARGS='...' is passed on to pytest, bench and wharf up."

.PHONY: setup
setup: .venv/.stamp ## Make .venv from the hashed lock (the other targets do it when it is needed)
	@:

.venv/.stamp: $(LOCK) pyproject.toml $(MEMBERS:%=%/pyproject.toml)
	@$(PYTHON) -c '' 2>/dev/null || \
	  { echo "There is no $(PYTHON) here. Install Python 3.11 or newer, or name yours: make setup PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$$($(PYTHON) --version 2>&1) is too old: Wharf needs Python 3.11 or newer (make setup PYTHON=python3.12)." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "$(PYTHON) has no venv. On Debian or Ubuntu: apt-get install python3-venv. Then try again." >&2; exit 1; }
	@echo "Setting up .venv with $$($(PYTHON) --version 2>&1): the first time downloads about 200 MB, usually in a minute or two ..."
	@test -z '$(RENEW)' && test -x $(BIN)/python || $(PYTHON) -m venv $(RENEW) .venv
	@awk '/^[^ #]/ {wanted = /^uv==/} wanted' $(LOCK) >.venv/uv.lock
	@$(BIN)/python -m pip install --quiet --require-hashes --no-deps -r .venv/uv.lock
	@$(INSTALL) --require-hashes -r $(LOCK)
	@$(INSTALL) --no-deps --no-build-isolation $(MEMBERS:%=-e %)
	@touch $@
	@echo "Set up."

.PHONY: demo
demo: .venv/.stamp ## Start everything, import four files at once with live bars, show the results, make a package, stop
	@$(BIN)/python -m wharf.local.demo

.PHONY: up
up: .venv/.stamp ## Start everything and keep it running; Ctrl-C stops it
	@$(BIN)/wharf up $(ARGS)

.PHONY: test
test: .venv/.stamp ## Run all tests that this machine can run; says what was skipped and why (COVERAGE=1 measures)
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE) $(if $(COVERAGE),--cov --cov-report=term) $(ARGS)

.PHONY: test-quick
test-quick: .venv/.stamp ## Run the tests that start no server
	@$(BIN)/python -m pytest -m 'not stack' $(ARGS)

.PHONY: lint
lint: .venv/.stamp ## Check style, types, layers and the repository's own rules
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check . || { echo "Not formatted: make format" >&2; exit 1; }
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python -m pytest --quiet tests/contracts

.PHONY: format
format: .venv/.stamp ## Format the code and fix what can be fixed without thought
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

.PHONY: lock
lock: .venv/.stamp ## Remake requirements.lock; keeps the versions that still fit (ARGS=--upgrade: the newest)
	@$(COMPILE) $(ARGS) --output-file $(LOCK)

.PHONY: lock-check
lock-check: .venv/.stamp ## Check that requirements.lock is what make lock would write
	@copy=$$(mktemp -d) && trap 'rm -rf "$$copy"' EXIT && cp $(LOCK) "$$copy/lock" && \
	  $(COMPILE) --output-file "$$copy/lock" >/dev/null && \
	  diff -u $(LOCK) "$$copy/lock" || { echo "requirements.lock is not current: make lock" >&2; exit 1; }
	@echo "requirements.lock is current."

.PHONY: bench
bench: .venv/.stamp ## Measure imports, submits and jobs beside bare yardsticks
	@$(BIN)/python -m bench $(ARGS)

.PHONY: bench-console
bench-console: .venv/.stamp ## Measure the console in a browser, with 100,000 jobs and 1,000 who watch (needs Chromium)
	@$(BIN)/python -m bench.console

.PHONY: bench-candidates
bench-candidates: .venv/.stamp ## Measure the libraries that could read files and write rows beside the ones that do
	@$(BIN)/uv pip install --quiet --target .venv/candidates --no-deps --requirements bench/candidates/requirements.txt
	@PYTHONPATH=.venv/candidates $(BIN)/python -m bench.candidates

.PHONY: measure-way-up
measure-way-up: .venv/.stamp ## Measure two gateways, RabbitMQ, PgBouncer and limited workers beside one, Redis, none (ARGS='gateways brokers')
	@$(BIN)/python -m bench.wayup $(ARGS)

.PHONY: pictures
pictures: .venv/.stamp ## Draw the pages of real packages that the documents show (needs poppler and LibreOffice)
	@$(BIN)/python docs/pictures.py

.PHONY: console-pictures
console-pictures: .venv/.stamp ## Draw the console's pages that the documents show (needs Chromium)
	@$(BIN)/python docs/console_pictures.py


.PHONY: dashboard-pictures
dashboard-pictures: .venv/.stamp ## Draw the dashboards that the documents show, from a real Prometheus' data (needs prometheus)
	@$(BIN)/python -m docs.dashboards

.PHONY: watch
watch: .venv/.stamp ## Work and faults for an hour under a real Prometheus: every metric, panel and rule, no false alert (needs prometheus)
	@$(BIN)/python -m tests.observability.hour $(ARGS)

.PHONY: chaos
chaos: .venv/.stamp ## Load 1,000 files while everything is killed in turn, for ten minutes; check every row, write the report
	@$(BIN)/python -m tests.chaos --minutes 10 --jobs 1000 $(ARGS)

.PHONY: kills
kills: .venv/.stamp ## Load a million rows in every way, each with 50 kill -9 at random moments; compare every cell, write the report
	@$(BIN)/python -m tests.chaos.kills $(ARGS)

.PHONY: dashboards
dashboards: .venv/.stamp ## Write Grafana's dashboards and the rules of the objectives from deploy/observability/source
	@$(BIN)/python -m deploy.observability.source

.PHONY: chart
chart: .venv/.stamp ## Write what of the Helm chart follows from the code: the schema of its values
	@$(BIN)/python -m deploy.helm.source

.PHONY: simulate-scaling
simulate-scaling: .venv/.stamp ## Play days of load against the scaling of workers; write figures and drawings of docs/scaling.md
	@$(BIN)/python -m deploy.helm.simulation

.PHONY: images
images: ## Build the services' images (BUILD_FLAGS='...' for docker build)
	@for service in $(IMAGES); do echo "Building wharf/$$service:$(VERSION) ..."; \
	  $(DOCKER_BUILD) --quiet --build-arg SERVICE=$$service --build-arg VERSION=$(VERSION) $(if $(POSTGRES_VERSION),--build-arg POSTGRES=$(POSTGRES_VERSION)) \
	    --build-arg REVISION=$$(git rev-parse --short HEAD 2>/dev/null || echo unknown) --tag wharf/$$service:$(VERSION) . || exit 1; \
	done

.PHONY: compose-up
compose-up: images ## Start everything with Docker Compose, and say when it is ready (docs/compose.md)
	@$(PYTHON) deploy/compose/make_secrets.py
	@WHARF_VERSION=$(VERSION) $(COMPOSE) --project-name wharf --file deploy/compose/compose.yaml up --detach --no-build $(ARGS)
	@$(PYTHON) deploy/compose/await_ready.py

.PHONY: compose-down
compose-down: ## Stop what compose-up started; the data stays (ARGS=--volumes deletes it)
	@$(COMPOSE) --project-name wharf --file deploy/compose/compose.yaml down $(ARGS)

.PHONY: clean
clean: ## Remove .venv, caches and results (the data of a local stack stays)
	@rm -rf .venv .coverage .coverage.* htmlcov .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
