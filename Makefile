# Needs Python >= 3.11 and make; everything else goes into .venv and var/.
.PHONY: help install demo up down status test lint format lock
.DEFAULT_GOAL := help

help: ## show this
	@sed -n 's/^\([a-z]*\):.*## \(.*\)$$/  make \1	\2/p' Makefile

install: ## install the locked packages into .venv (every other target does it)
	@deploy/local/setup.sh

demo: install ## play the main job once: a hospital's document becomes an alert in the patient's mailbox
	@.venv/bin/python -m deploy.local demo

up: install ## start everything and stay; Ctrl-C or `make down` ends it
	@.venv/bin/python -m deploy.local up

down: install ## end what `make up` or `make demo` started
	@.venv/bin/python -m deploy.local down

status: install ## show what runs
	@.venv/bin/python -m deploy.local status

test: install ## run all tests
	@.venv/bin/python -m pytest -n 2

lint: install ## ruff, mypy, import-linter
	@.venv/bin/python -m ruff format --check .
	@.venv/bin/python -m ruff check .
	@.venv/bin/python -m mypy
	@.venv/bin/lint-imports

format: install ## format the code
	@.venv/bin/python -m ruff format .
	@.venv/bin/python -m ruff check --fix .

lock: install ## pin the newest versions that pyproject.toml allows (needs uv)
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
		--no-header --no-annotate --upgrade --quiet -o requirements.lock
