# Needs Python >= 3.11 and make; everything else goes into .venv and var/.
.PHONY: help install install-dev demo up down status test test-long rehearse lint format baseline lock
.DEFAULT_GOAL := help
COMPILE = uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet

help: ## show this
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)$$/  make \1	\2/p' Makefile

install: ## install into .venv what runs here, locked (demo, up, down and status do it)
	@deploy/local/setup.sh local

install-dev: ## install the tests' and linters' packages too (test, lint and format do it)
	@deploy/local/setup.sh dev

demo: install ## play the main job once: a hospital's document becomes an alert in the patient's mailbox
	@.venv/bin/python -m deploy.local demo

up: install ## start everything and stay; Ctrl-C or `make down` ends it
	@.venv/bin/python -m deploy.local up

down: install ## end what `make up` or `make demo` started
	@.venv/bin/python -m deploy.local down

status: install ## show what runs
	@.venv/bin/python -m deploy.local status

test: install-dev ## run all tests but the long ones
	@.venv/bin/python -m pytest -n 2 -m "not long"

test-long: install-dev ## run the long ones: restores, killed processes, generated requests, the README's commands
	@.venv/bin/python -m pytest -n 2 -m long

rehearse: install-dev ## upgrade, lose nodes, restore and scale on a real cluster (root, about an hour; docs/rehearsals.md)
	@.venv/bin/python -m pytest -v --durations=0 tests/rehearsal

lint: install-dev ## run every check of .pre-commit-config.yaml over all files
	@.venv/bin/pre-commit run --all-files

format: install-dev ## format the code
	@.venv/bin/python -m ruff format .
	@.venv/bin/python -m ruff check --fix .

baseline: install-dev ## accept every string that looks like a secret in the files that git knows
	@.venv/bin/detect-secrets scan --slim --no-verify --exclude-files '\.lock(\.toml)?$$' > .secrets.baseline

lock: ## pin the newest versions that pyproject.toml allows (needs uv)
	$(COMPILE) --extra local --extra dev --upgrade -o requirements-dev.lock
	$(COMPILE) --extra local -c requirements-dev.lock -o requirements-local.lock
	$(COMPILE) -c requirements-local.lock -o requirements.lock
	$(subst pyproject.toml,--group pyproject.toml:image,$(COMPILE)) -o deploy/image/tools.lock
	$(subst pyproject.toml,--group pyproject.toml:cluster,$(COMPILE)) -o deploy/cluster/requirements.lock
	$(subst pyproject.toml,--group pyproject.toml:patroni,$(COMPILE)) -o deploy/cluster/patroni/requirements.lock
