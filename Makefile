# The doors of this project. `make help` lists them.

PYTHON ?= python3
VENV := .venv
SAM_VENV := .venv-sam
RUN := $(VENV)/bin/python
VARIANT ?= ond
PIP_COMPILE := $(VENV)/bin/pip-compile --quiet --no-strip-extras --generate-hashes --allow-unsafe --no-header \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host

.DEFAULT_GOAL := help
.PHONY: help demo run sam-backend test check crash-sweep bench lock build deploy clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

$(VENV)/.done: requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 ...")'
	@echo "· making $(VENV): about a minute, once"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check --upgrade 'pip>=25'
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

$(SAM_VENV)/.done: requirements-sam.txt
	@echo "· making $(SAM_VENV) for the SAM CLI: about a minute, once"
	@$(PYTHON) -m venv --clear $(SAM_VENV)
	@$(SAM_VENV)/bin/pip install --quiet --disable-pip-version-check --upgrade 'pip>=25'
	@$(SAM_VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-sam.txt
	@touch $@

demo: $(VENV)/.done  ## send notifications through the whole chain and check what comes of each (VARIANT=centraal-register)
	@$(RUN) -m local.demo --variant $(VARIANT)

run: $(VENV)/.done  ## keep the whole system up on this machine, to try it by hand
	@$(RUN) -m local.run --variant $(VARIANT)

sam-backend: $(VENV)/.done  ## start what `sam local invoke` and `sam local start-api` talk to (needs Docker beside it)
	@$(RUN) -m local.sam

check: $(VENV)/.done $(SAM_VENV)/.done  ## ruff, mypy, cfn-lint on what is really deployed, sam validate
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(RUN) -m pytest tests/template/test_lint.py tests/template/test_sam_validate.py

test: check  ## everything: check, and all tests
	$(RUN) -m pytest -n 2 --dist loadgroup --ignore=tests/template/test_lint.py --ignore=tests/template/test_sam_validate.py

crash-sweep: $(VENV)/.done  ## kill a function at every outgoing call there is (make test takes every fifteenth)
	OND_CRASH_STEP=1 $(RUN) -m pytest -n 2 -rP tests/chain -k crash

bench: $(VENV)/.done  ## count what the chain asks of AWS for one notification
	@$(RUN) -m tests.chain.bench

lock: $(VENV)/.done  ## make requirements*.txt anew from pyproject.toml
	$(PIP_COMPILE) --extra beheer --extra local --extra dev --output-file requirements-dev.txt pyproject.toml
	$(PIP_COMPILE) --constraint requirements-dev.txt --output-file layers/dependencies/requirements.txt pyproject.toml
	$(RUN) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]["sam"])' \
		| $(PIP_COMPILE) --output-file requirements-sam.txt -

build: $(SAM_VENV)/.done  ## sam build (needs python3.13)
	$(SAM_VENV)/bin/sam build

deploy: build  ## sam build and sam deploy --guided to the AWS account that you are signed in to
	$(SAM_VENV)/bin/sam deploy --guided

clean:  ## remove everything that the other doors made
	rm -rf $(VENV) $(SAM_VENV) .build .aws-sam .mypy_cache .ruff_cache .pytest_cache .hypothesis
