#: demo          the whole story on an embedded stack, then exit
#: deploy-drill  versions of the workers are rolled out and back while 100 bookings are in flight
#: up            Postgres, Temporal, Web UI, worker, consumers; Ctrl-C stops all
#: check         no server: format, lint, types, import rules, unit tests
#: test          every test but chaos, on its own Postgres and Temporal; then coverage
#: coverage      what the last `make test` reached; it fails below the floor
#: chaos         kill things while bookings run, then check the invariants; SEED=7 draws a run again
#: fuzz          100,000 forged notices and 1,000 slow clients against the receiver; SEED=7 draws others
#: compare       both processes through the same work and faults: docs/contrast.md; QUICK=1: less, into .data
#: screenshots   docs/web-ui/*.png anew, from a real stack; needs Chromium (apt-get install chromium)
#: docs          docs/reference anew from the code, and the site into .site
#: bench         appends per second beside a bare INSERT, and what a booking costs in Temporal
#: release       wheel and sdist into dist/, checked in an empty environment
#: sbom          what the image and the wheel are made of, as CycloneDX into dist/
#: lock          resolve the dependencies again, rewrite both locks
PYTHON ?= python3
PY := .venv/bin/python
# What .venv was built from: lock, interpreter, place.
STAMP := .venv/.built-$(shell { cat requirements-dev.lock; $(PYTHON) -VV; pwd; } | cksum | cut -d' ' -f1)
# Each lock begins with the command that made it, in the only words that Renovate would repeat
# (.github/renovate.json); what is said beside it keeps the indexes of this machine out of the lock.
compile = CUSTOM_COMPILE_COMMAND="pip-compile $(1) pyproject.toml" \
  $(PY) -m piptools compile --quiet --no-strip-extras --no-emit-options $(1) pyproject.toml
HASHES := --generate-hashes --no-emit-index-url

.PHONY: help demo deploy-drill up test coverage check chaos fuzz compare screenshots docs bench release sbom lock
help: ; @sed -n 's/^#: //p' Makefile
demo deploy-drill up: $(STAMP) ; @$(PY) -m entrypoints.cli $@ $(ARGS)
compare: $(STAMP) ; @$(PY) -m benchmarks.compare $(if $(QUICK),--quick) $(ARGS)
screenshots: $(STAMP) ; @$(PY) -m tests.browser.screenshots
docs: $(STAMP)
	@$(PY) -m docs.tools
	@echo "To read and search it: $(PY) -m http.server --bind 127.0.0.1 --directory .site"
bench: $(STAMP)
	$(PY) -m benchmarks.bench $(ARGS)
	@$(PY) -m pytest -q --no-header tests/process/test_budgets.py
# Some of the tests cannot reach the floor: with ARGS none is asked for.
test: $(STAMP)
	$(PY) -m pytest -m "not chaos" -n 2 --dist loadfile $(or $(ARGS),--cov --cov-report=)
	$(if $(ARGS),,@$(MAKE) --no-print-directory coverage)
coverage: $(STAMP)
	@for package in ticketing eventstore workflows; do printf '%-10s %s %%\n' $$package \
	  $$($(PY) -m coverage report --include="$$package/*" --precision=1 --format=total); done
	@$(PY) -m coverage report --include="ticketing/*,eventstore/*,workflows/*" --precision=1 \
	  --skip-covered --show-missing --fail-under=95
chaos: $(STAMP) ; CHAOS_SEED=$(SEED) $(PY) -m pytest -m chaos $(ARGS)
fuzz: $(STAMP)
	FUZZ=1 $(if $(SEED),SEED=$(SEED)) $(PY) -m pytest -s tests/security/test_forged_notices.py \
	  tests/security/test_slow_connections.py $(ARGS)
check: $(STAMP)
	$(PY) -m ruff format --check . && $(PY) -m ruff check .
	$(PY) -m mypy .
	.venv/bin/lint-imports
	$(PY) -m pytest tests/unit $(ARGS)
release: $(STAMP)
	rm -rf dist && $(PY) -m hatchling build -d dist
	RELEASE=dist $(PY) -m pytest tests/e2e/test_release.py
sbom: $(STAMP) ; @$(PY) -m deploy.sbom && ls dist/sbom-*
lock: $(STAMP)
	$(call compile,--allow-unsafe --extra=dev --extra=embedded $(HASHES) --output-file=requirements-dev.lock)
	$(call compile,--allow-unsafe --constraint=requirements-dev.lock $(HASHES) --output-file=requirements.lock)
	! grep -nE '://|^--|-[cr] /' requirements.lock requirements-dev.lock
$(STAMP):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "needs Python 3.11: make PYTHON=python3.12")'
	@echo "Setting up .venv from requirements-dev.lock (once, about a minute) ..."
	@rm -rf .venv && $(PYTHON) -m venv .venv
	@$(PY) -m pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(PY) -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
