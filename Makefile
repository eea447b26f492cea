# Everything a newcomer needs is one word. `make help` lists the words.
# Each target builds .venv first if it is missing or older than the lock file.

PYTHON ?=
PY := .venv/bin/python
OUT ?= report
SITE ?= site
# How many processes share the tests; each has data bases of its own. A server that is given by address is shared
# by all of them and holds one set of templates, so then there is one.
WORKERS ?= $(if $(PERUSAL_TEST_POSTGRES),0,2)

.DEFAULT_GOAL := help
.PHONY: demo test serve lint format docs bench heavy fuzz lock clean help

.venv/.ok: requirements/lock.txt requirements/install.sh pyproject.toml
	@PYTHON="$(PYTHON)" requirements/install.sh .venv
	@touch $@

demo: .venv/.ok ## the whole story on a real server, from nothing to a claim; leaves report/
	$(PY) -m api demo --out $(OUT)

# Other people's JavaScript clients, pinned by hash.
tests/clients/node_modules/.ok: tests/clients/package-lock.json
	@npm ci --prefix tests/clients --ignore-scripts --no-audit --no-fund --loglevel=error && touch $@ || \
	    echo "no npm, or no packages: the tests with JavaScript clients are skipped"

test: .venv/.ok tests/clients/node_modules/.ok ## the test suite, on SQLite and on PostgreSQL where its programs are found
# Hundreds of programs are started: with bytecode kept, each of them and the collecting takes half the time.
	PYTHONDONTWRITEBYTECODE= $(PY) -m pytest -m "not heavy and not browser" -n $(WORKERS) --dist worksteal

serve: .venv/.ok ## a local installation in site/, then the server on this machine only
	@test -e $(SITE) || $(PY) -m api init --dir $(SITE)
	$(PY) -m api serve --dir $(SITE)

lint: .venv/.ok ## style, types, import contracts, dependencies, dead code, documents in step
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	.venv/bin/lint-imports
	.venv/bin/deptry .
	.venv/bin/vulture
	$(PY) docs/generate.py --check

format: .venv/.ok ## let ruff put the layout right
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

docs: .venv/.ok ## write docs/reference/ again from the code
	$(PY) docs/generate.py

bench: .venv/.ok ## measured speed of the hot paths, with machine and versions
	$(PY) -m tests.bench trace
	$(PY) -m tests.bench intake
	$(PY) -m tests.bench dating
	$(PY) -m tests.bench guilt
	$(PY) -m tests.bench marks
	$(PY) -m tests.bench redeem
	$(PY) -m tests.bench introspect
	$(PY) -m tests.bench vault
	$(PY) -m tests.bench ledger
	$(PY) -m tests.bench selfcheck

heavy: .venv/.ok ## the long runs (hours): kill -9 under load, a million rows, thousands of races
	$(PY) -m pytest -m heavy

fuzz: .venv/.ok ## coverage-guided fuzzing of every parser of sealed bytes, SECONDS each (60)
	$(PY) -m tests.fuzz all --seconds $(or $(SECONDS),60)

lock: ## resolve the dependencies again (needs uv and a package index)
	uv pip compile --quiet --universal --python-version 3.12 --generate-hashes --no-header --no-annotate \
	    --no-emit-index-url --extra demo --extra pkcs11 --extra aws --extra linkage --group test --group fuzz --group lint pyproject.toml requirements/build.in \
	    --output-file requirements/lock.txt

clean: ## remove what these targets made, except installations and reports
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
