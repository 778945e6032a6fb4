# make run     run Rowpost on this machine                make test      set up all the tests need, run them
# make lint    ruff and mypy                              make bench     speed against Postfix's smtp-source
# make compare   speed against django-post_office, django-mailer and Celery
# make bench-dashboard  what the dashboard costs as the queue grows
# make bench-console  what the console's pages cost with a million emails
# make screenshots  every page of the console as pictures, in build/screenshots
# make bench-api  how many emails a second the API takes, and how soon they are sent
# make bench-webhooks  how soon webhooks are told while others of them are down
# make bench-admission  how admission, claims and idle ticks stand a million waiting emails
# make faults  emails through 1,000 kills and 1,000 other faults, each accounted for (25 minutes)
# make test-faults  every fault over each way out: SMTP, Azure Communication Services, Microsoft Graph
# make fuzz    every endpoint under schemathesis           make postman  the API as a Postman collection
# make reference  the lists of docs/reference.md anew       make lock      the versions that are deployed anew
# make test-sql  the queue's tests on the SQL Server of DATABASE_URL
# make clean   delete what the above have made (not .rowpost, the data of make run)
#
# Everything lands in this folder: .venv, .worker-venv, node_modules, .rowpost.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := run
.DELETE_ON_ERROR:
.PHONY: run test lint screenshots bench bench-api bench-admission bench-console bench-dashboard \
	bench-webhooks compare faults test-faults fuzz postman lock reference \
	test-sql sql-server-is-named clean

PYTHON ?= $(shell for python in python3.13 python3.14 python3.12 python3.11 python3; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null \
	&& { command -v $$python; break; }; done)
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check
WORKER_LIBRARY := azure-functions-runtime==1.3.0

# For every system and version of Python that Rowpost runs on; newer ones only with ARGS=--upgrade.
LOCK = .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	--custom-compile-command 'make lock' --no-emit-index-url --no-emit-find-links $(ARGS)

# How many test processes: most tests wait for sockets and processes, not for a core.
WORKERS ?= 4
# How long make fuzz takes.
SECONDS ?= 300
# What to pass on to pytest: make test ARGS="tests/outbox -k claim"
ARGS ?=

RUN := .venv/.run
DEV := .venv/.dev
WORKER := .worker-venv/.installed
NPM := node_modules/.installed
EXIM := build/exim4

run: $(RUN)
	.venv/bin/python -m standalone

test: $(DEV) $(WORKER) $(NPM) $(EXIM)
	@tools/debian-packages libodbc.so.2=unixodbc smtp-sink=postfix chromium=chromium curl=curl sqlite3=sqlite3 \
		redis-server=redis-server munpack=mpack ripmime=ripmime dovecot=dovecot-imapd \
		'/usr/lib/*/libuid_wrapper.so=libuid-wrapper' '/usr/lib/*/libnss_wrapper.so=libnss-wrapper' \
		saslpasswd2=sasl2-bin '/usr/lib/*/sasl2/libplain.so=libsasl2-modules' \
		libidn.so.12=libidn12 libgnutls-dane.so.0=libgnutls-dane0 libdb-5.3.so=libdb5.3 libpcre2-8.so.0=libpcre2-8-0
	PYTHONDONTWRITEBYTECODE= .venv/bin/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --timeout 120 $(ARGS)

lint: $(DEV)
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

bench: $(RUN)
	@tools/debian-packages smtp-sink=postfix
	@.venv/bin/python -m bench $(ARGS)

bench-api: $(RUN)
	@.venv/bin/python -m bench.api $(ARGS)

bench-admission: $(RUN)
	@tools/debian-packages smtp-sink=postfix
	@.venv/bin/python -m bench.admission $(ARGS)

bench-webhooks: $(RUN)
	@tools/debian-packages smtp-sink=postfix
	@.venv/bin/python -m bench.webhooks $(ARGS)

bench-dashboard: $(RUN)
	@.venv/bin/python -m bench.dashboard $(ARGS)

bench-console: $(RUN)
	@.venv/bin/python -m bench.console $(ARGS)

screenshots: $(DEV)
	@tools/debian-packages chromium=chromium
	.venv/bin/python -m tests.console.screenshots build/screenshots

compare: $(RUN)
	@tools/debian-packages smtp-sink=postfix redis-server=redis-server
	@.venv/bin/python -m bench.compare $(ARGS)

faults: $(RUN)
	@.venv/bin/python -m bench.faults $(ARGS)

test-faults: $(DEV)
	ROWPOST_FAULTS=all .venv/bin/python -m pytest -n 2 --dist loadfile --timeout 300 tests/faults $(ARGS)

fuzz: $(DEV)
	@.venv/bin/python -m tests.fuzz --seconds $(SECONDS)

postman: $(RUN)
	@.venv/bin/python -m tools.postman build/rowpost.postman_collection.json

lock: $(DEV)
	$(LOCK) requirements.in -o requirements.txt
	$(LOCK) requirements-deploy.txt -o requirements-container.txt

reference: $(RUN)
	@.venv/bin/python -m tools.reference

test-sql: sql-server-is-named $(DEV)
	@tools/debian-packages libodbc.so.2=unixodbc
	.venv/bin/python -m pytest --timeout 300 tests/database tests/outbox tests/delivery/test_pauses.py \
		tests/events/test_numbering.py tests/webhooks/test_sending.py tests/database_mail/t_sql $(ARGS)

sql-server-is-named:
	@if [[ "$${DATABASE_URL:-}" != mssql* ]]; then \
		echo 'Set DATABASE_URL to a database of a SQL Server that is for tests alone, like' >&2; \
		echo '  DATABASE_URL="mssql+pyodbc://USER:PASSWORD@HOST:1433/DATABASE" make test-sql' >&2; \
		echo 'Its tables of Rowpost and of the seed are dropped.' >&2; exit 2; fi

clean:
	rm -rf .venv .worker-venv node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis build

$(RUN): requirements.in requirements-standalone.txt | .venv/bin/python
	@echo 'Installing what Rowpost needs into .venv: about a minute, this once.'
	.venv/bin/python $(subst --quiet,,$(PIP_INSTALL)) -r requirements-standalone.txt
	@touch $@

$(DEV): requirements-dev.txt $(RUN)
	.venv/bin/python $(PIP_INSTALL) -r requirements-dev.txt
	@touch $@

$(WORKER): requirements.in requirements-worker.txt | .worker-venv/bin/python
	.worker-venv/bin/python $(PIP_INSTALL) -r requirements-worker.txt
	.worker-venv/bin/python $(PIP_INSTALL) --no-deps --ignore-requires-python $(WORKER_LIBRARY)
	@touch $@

$(NPM): package.json
	@tools/debian-packages node=nodejs npm=npm
	npm install --no-package-lock --no-audit --no-fund --loglevel=error
	@touch $@

# It can't be installed beside Postfix.
$(EXIM):
	@tools/unpack-debian-package exim4-daemon-light $@

.venv/bin/python .worker-venv/bin/python:
	@if [ -z "$(PYTHON)" ]; then \
		echo 'Rowpost needs Python 3.11 to 3.14. Install with: sudo apt-get install -y python3 python3-venv' >&2; exit 1; fi
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || tools/debian-packages ensurepip=python3-venv
	$(PYTHON) -m venv $(@D)/..
