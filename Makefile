# `make help` lists what there is.  Needs make, and a Python >= 3.9 with venv:
# `make demo PYTHON=python3.12` takes another than python3.

PYTHON ?= python3
VENV ?= .venv

# Present when the environment was made with this very PYTHON.
made := $(VENV)/made-with-$(subst /,-,$(PYTHON))
pip := $(VENV)/bin/python -m pip --disable-pip-version-check install --quiet

.DEFAULT_GOAL := help
.PHONY: help demo test bench bench-page soak clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1: \2/p' $(MAKEFILE_LIST)

demo: $(VENV)/installed ## show all patterns at work, between processes
	$(VENV)/bin/python examples/demo.py

test: $(VENV)/installed-test ## run all tests, the examples included
	$(VENV)/bin/python -m pytest

bench: ## measure against other libraries; 30 minutes, QUICK=1 3 minutes
	$(PYTHON) -m benchmarks $(if $(QUICK),--quick) --json benchmarks/results.json

bench-page: ## make docs/performance.rst and its plots of what bench has measured
	$(PYTHON) -m benchmarks.report benchmarks/results.json

soak: $(VENV)/installed-test ## a flood of bad messages, and an hour of good ones; MINUTES=5 is shorter
	$(VENV)/bin/python -m tests.soak.fuzz --inputs $(if $(MINUTES),200000,1000000)
	$(VENV)/bin/python -m tests.soak --minutes $(or $(MINUTES),60)

clean: ## remove what the others have made
	rm -rf $(VENV) benchmarks/.envs .tox build dist *.egg-info docs/_build htmlcov
	rm -rf .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache _trial_temp*

$(made):
	$(PYTHON) -m venv --clear $(VENV)
	touch $@

# Editable: a changed source needs no new installation, changed metadata do.
$(VENV)/installed: $(made) pyproject.toml setup.py txzmq/__init__.py
	$(pip) --editable .
	touch $@

$(VENV)/installed-test: $(VENV)/installed
	$(pip) --editable '.[test]'
	touch $@
