# `make help` lists the targets.

PYTHON := $(shell tools/find-python 2>/dev/null)
BIN := .venv/bin
UV := $(BIN)/uv
UV_INSTALL = $(UV) pip install --quiet --require-hashes
UV_COMPILE = $(UV) pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	--no-header --no-emit-index-url
SAM := .tools/sam/bin/sam
NATIVE := functions/pixelgate/engine/native-$(shell uname -m).so
# The embedded cloud runs the functions with the Python of .tools/cloud, the same as in .venv, so
# their wheels must be for that version. Lambda itself runs 3.13, the default of functions/Makefile.
DEPLOY_PYTHON ?= 3.13
# Only what is said to make: a variable of that name in the environment means something else.
DEPLOY_ARCH := $(if $(filter command line,$(origin ARCH)),$(ARCH))
DEPLOY_CONFIG := $(CURDIR)/samconfig.local.toml
# Processes of `make test`. With 0, one process runs all tests and prints the files.
PROCESSES ?= 2
FAST := 'not e2e and not browser and not slow'
# New Year's Eve, one second before the turn of a day, a month and a year, when it is the first day of
# a month in UTC already; then 29 February, and a night on which clocks are set back.
FIRST_DATE := "2026-12-31 23:59:59 America/New_York"
DATES ?= "2028-02-29 12:00:00 UTC" "2027-10-31 02:59:59 Europe/Berlin"
CLOCKED := tests/cli tests/client tests/contract tests/handlers tests/pipeline
STACK ?= pixelgate
LAMBDA_PYTHON := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
SOURCES := $(shell find functions layers events -type f -not -path '*/__pycache__/*' \
	-not -path '*.egg-info/*' -not -name 'native-*.so' -not -path '*/node_modules/*' 2>/dev/null)

APP_MODULES := "functions/pixelgate/report/app/*.js" "tests/app/*.js" \
	"examples/playwright/*.js" "examples/playwright/tests/*.js"

export PATH := $(CURDIR)/$(BIN):$(PATH)
export SAM_CLI_TELEMETRY := 0
export ZIG := $(CURDIR)/.tools/zig/bin/python -m ziglang
# Otherwise zig writes its caches to the home folder and to this one.
export ZIG_GLOBAL_CACHE_DIR := $(CURDIR)/.tools/zig/cache
export ZIG_LOCAL_CACHE_DIR := $(CURDIR)/.tools/zig/cache

.DEFAULT_GOAL := help
.PHONY: help ready setup demo test test-all coverage test-dates test-fan-out test-faults test-real-faults faults-page soak bench \
	bench-flakes bench-history bench-install bench-memory bench-quality bench-replay bench-report bench-review bench-scale bench-whole audit check \
	check-arm64 check-corpus check-native check-wheels deploy deploy-setup fuzz format local pictures release smoke wheels \
	build lock clean

help: ## List these targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-16s %s\n", $$1, $$2 }'

ready: setup .tools/cloud/.done .tools/sandbox/.done .tools/sam/.done .aws-sam/.done tools/js/.done ## Set up everything that check and the tests need

setup: .venv/.done $(BIN)/odiff $(NATIVE) ## Set up .venv, odiff and the engine's compiled part

demo: setup .tools/sandbox/.done ## Run pixelgate in a local AWS on two real snapshot sets, and write a report
	@$(BIN)/python tools/demo.py

test: setup ## Run the fast tests, a few minutes in PROCESSES=2
	@$(BIN)/python -m pytest -q --numprocesses=$(PROCESSES) -m $(FAST) $(ARGS)

test-all: setup .tools/cloud/.done .tools/sandbox/.done .aws-sam/.done tools/js/.done ## Run all tests, as CI does
	@$(BIN)/python -m pytest --numprocesses=$(PROCESSES) --durations=15 --durations-min=5 \
		$(if $(CLOCKS),--note-clocks="$(CLOCKS)" --at $(FIRST_DATE)) $(ARGS)

coverage: setup .tools/cloud/.done .tools/sandbox/.done .aws-sam/.done tools/js/.done ## Run all tests and list the lines that none of them runs
	@$(BIN)/python -m pytest -q --numprocesses=$(PROCESSES) --cov --cov-report=term:skip-covered $(ARGS)

# All run on the first date, and on the others those that have read a clock then. In CI, which runs
# `make test-all test-dates CLOCKS=FILE`, the first date is a part of test-all.
test-dates: setup ## Run the tests on special dates; those that read a clock on more of them (DATES)
	@noted=$(if $(CLOCKS),"$(CLOCKS)",$$(mktemp)); \
	$(if $(CLOCKS),,$(BIN)/python -m pytest -q --numprocesses=$(PROCESSES) -m $(FAST) \
		--note-clocks="$$noted" --at $(FIRST_DATE) $(CLOCKED) $(ARGS) || exit 1;) \
	for date in $(DATES); do echo "at $$date"; \
		$(BIN)/python -m pytest -q --numprocesses=$(PROCESSES) --clocked="$$noted" --at "$$date" \
			$(CLOCKED) $(ARGS) || exit 1; done

test-faults: setup ## Run the fault suite: every fault at every call (ARGS='--seed 2 --rounds 200')
	@$(BIN)/python -m pytest -q tests/faults -m 'not e2e' $(ARGS)

test-real-faults: setup .tools/cloud/.done .aws-sam/.done ## Kill real processes and fill real disks (ARGS='--seed 2 --real-rounds 5')
	@$(BIN)/python -m pytest -q tests/faults -m e2e --real all $(ARGS)

faults-page: setup ## Run the fault suite and write docs/faults.md
	@PYTHONPATH=tests:tools $(BIN)/python -c 'from support.fault_table import PAGE, page; PAGE.write_text(page())'

soak: setup ## Compare 200 times with random faults, then audit (ARGS='--seed 2 --comparisons 2000')
	@PYTHONPATH=tests timeout 1800 $(BIN)/python tools/soak.py $(ARGS)

bench: setup .tools/bench/.done ## Measure the engine's speed against its rivals' (ARGS=--help lists options)
	@cd bench/speed && npm ci --silent --ignore-scripts --no-audit --no-fund || echo "npm's rivals are left out"
	@PYTHONPATH=functions:. .tools/bench/bin/python -m bench.speed $(ARGS)

bench-memory: setup ## Measure the engine's memory, at 50 megapixels and over 5,000 pairs
	@$(BIN)/python -m bench.memory $(ARGS)

bench-scale: setup .tools/bench/.done ## Model time and cost up to 1,000,000 snapshots, and draw docs/scale.svg
	@PYTHONPATH=functions:tests:. .tools/bench/bin/python -m bench.scale --svg docs/scale.svg $(ARGS)

test-fan-out: setup .tools/cloud/.done .aws-sam/.done ## Run the state machine on 2,000 pairs while workers are killed
	@FAN_OUT_PAIRS=2000 $(BIN)/python -m pytest -q tests/e2e/test_fan_out.py

bench-flakes: setup ## Measure precision and recall of flaky, broken and at risk on simulated half years (ARGS='--seeds 20')
	@PYTHONPATH=tests:. $(BIN)/python -m bench.flakes $(ARGS)

bench-report: setup ## Measure the report at 10,000 snapshots, and reg-cli's (ARGS=--help lists options)
	@cd bench/speed && npm ci --silent --ignore-scripts --no-audit --no-fund || echo "reg-cli is left out"
	@$(BIN)/python -m bench.report $(ARGS)

	bench-history: bench-replay: setup ## Measure the history at 100,000 results: seconds, requests, memory (ARGS='--results 1000') @PYTHONPATH=functions:tests:. $(BIN)/python -m bench.history $(ARGS) a replay of times, prices (ARGS=--help lists options) @PYTHONPATH=tests:. bench.replay \
bench-install: setup .tools/zig/.done ## Measure installing the command line beside the rivals' (ARGS='--rounds 5')
	@test -d wheels || $(MAKE) --no-print-directory wheels
	@$(BIN)/python -m bench.install wheels $(ARGS)

bench-review: setup .tools/cloud/.done .aws-sam/.done ## Measure a review on the review site, from click to green (ARGS='--rounds 100')
	@PYTHONPATH=tools:tests:. $(BIN)/python -m bench.review $(ARGS)

check: setup .tools/sam/.done .tools/asl/.done tools/js/.done ## Lint and type-check everything
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	tools/js/node_modules/.bin/tsc --project tools/js
	tools/js/node_modules/.bin/prettier --config tools/js/.prettierrc.json --check $(APP_MODULES)
	$(SAM) validate --region us-east-1
	$(SAM) validate --lint --region us-east-1
	PYTHONPATH=tools $(BIN)/python -m check_machine .tools/asl/node_modules/.bin/asl-validator

audit: ## Check the pinned packages for known vulnerabilities (needs pip-audit)
	@command -v pip-audit >/dev/null || { echo "pip-audit is needed: pipx install pip-audit" >&2; exit 1; }
	@for list in functions/requirements.txt requirements-*.txt tools/requirements-*.txt \
		tools/install/requirements.txt; do \
		pip-audit --strict --require-hashes --disable-pip -r "$$list" || exit 1; done

bench-whole: setup .tools/cloud/.done .aws-sam/.done ## Measure each step from event to verdict (ARGS='DIR --rounds 5')
	@PYTHONPATH=tools:. $(BIN)/python -m bench.whole $(ARGS)

check-corpus: setup ## Compare the engine with plain odiff on DIR=… with base/ and head/ (ARGS='--random 500 --other ODIFF')
	@PYTHONPATH=tests $(BIN)/python tools/check_corpus.py $(DIR) $(ARGS)

check-arm64: setup .tools/zig/.done ## Run the engine's tests for arm64 under QEMU (ARGS='FILE'; needs Debian's qemu-user)
	@PYTHONPATH=tests $(BIN)/python tools/check_arm64.py $(ARGS)

check-native: setup ## Run the engine's tests under two sanitizers (ARGS='FILE')
	@$(BIN)/python tools/check_native.py $(ARGS)

fuzz: setup ## Give the engine damaged images for SECONDS=60 (ARGS='--seed 1 --keep DIR')
	@PYTHONPATH=tests $(BIN)/python tools/fuzz.py --seconds $(or $(SECONDS),60) $(ARGS)

format: setup tools/js/.done ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	tools/js/node_modules/.bin/prettier --config tools/js/.prettierrc.json --log-level warn --write $(APP_MODULES)

bench-quality: setup ## Measure the verdicts of pixelgate and others on 1,400 labelled pairs (ARGS='--cases DIR')
	@test -f .bench/groups/about.json || { rm -rf .bench/groups; $(BIN)/python -m bench.quality.groups .bench/groups; }
	@$(BIN)/python -m bench.quality --cases .bench/groups --json .bench/quality.json $(ARGS)
	@PYTHONPATH=tests $(BIN)/python -m bench.quality.learned --cases .bench/groups

pictures: setup ## Take the screenshots of the report for the README
	@$(BIN)/python tools/pictures.py

build: .aws-sam/.done ## Build the Lambda functions into .aws-sam/build

# What a deployment needs: nothing that runs on this machine only, neither odiff nor the native part.
deploy-setup: .venv/.done .tools/sam/.done .tools/zig/.done

# A build of its own: the embedded cloud's is for the Python of this machine. The architecture is no
# question at deployment, as it would come after the build: tools/fix_architecture.py takes it from
# what was built. MAKEFLAGS would hand ARCH to the makefiles that sam calls.
deploy: deploy-setup samconfig.local.toml ## Build for Lambda and deploy as STACK=pixelgate (ARCH=arm64, ARGS='--guided')
	$(if $(filter-out x86_64 arm64,$(DEPLOY_ARCH)),$(error '$(DEPLOY_ARCH)' is no Lambda architecture: x86_64 or arm64))
	$(if $(findstring Architecture=,$(ARGS)),$(error the build decides on the architecture: make deploy ARCH=arm64))
	MAKEFLAGS= LAMBDA_PYTHON=$(DEPLOY_PYTHON) $(SAM) build --build-dir .aws-sam/deploy \
		--config-file $(DEPLOY_CONFIG) \
		$(if $(DEPLOY_ARCH),--parameter-overrides Architecture=$(DEPLOY_ARCH))
	$(BIN)/python tools/fix_architecture.py .aws-sam/deploy $(DEPLOY_ARCH)
	$(SAM) deploy --template-file .aws-sam/deploy/template.yaml --config-file $(DEPLOY_CONFIG) \
		--stack-name $(STACK) $(ARGS)

# What `--guided` answers is of one account, so it goes to a file that git ignores.
samconfig.local.toml:
	cp samconfig.toml $@

release: .venv/.done .tools/zig/.done ## Build what a release carries into dist/: template, zips, checksums
	@LAMBDA_PYTHON=$(DEPLOY_PYTHON) PYTHONPATH=tools $(BIN)/python tools/release.py dist

wheels: .venv/.done .tools/zig/.done ## Build the wheels of pixelgate and pixelgate-compare into wheels/ (ARGS='--only TAG')
	@PYTHONPATH=tools $(BIN)/python tools/wheels/build.py wheels $(ARGS)

check-wheels: setup .tools/zig/.done .tools/cloud/.done .aws-sam/.done ## Install the wheels in empty environments and use them
	@$(MAKE) --no-print-directory wheels
	@PYTHONPATH=tools $(BIN)/python tools/wheels/try_out.py wheels $(ARGS)

# Docker runs Lambda's Python, the emulator the Python of .tools/cloud; each needs a build of its own.
local: setup .tools/cloud/.done .tools/sam/.done .tools/zig/.done .aws-sam/.done ## Hand EVENT=events/… to its function, in STACK=… or an embedded cloud
	@if docker info >/dev/null 2>&1; then \
		LAMBDA_PYTHON=$(DEPLOY_PYTHON) $(SAM) build --build-dir .aws-sam/deploy >/dev/null; fi
	@PYTHONPATH=tools $(BIN)/python tools/local.py $(EVENT) \
		$(if $(filter file default,$(origin STACK)),,--stack $(STACK)) $(ARGS)

smoke: setup ## Test a deployed stack in your own account, STACK=pixelgate
	@PYTHONPATH=tools $(BIN)/python tools/smoke.py $(STACK)

lock: setup ## Update the pinned versions and hashes
	for list in functions/requirements requirements-dev tools/requirements-cloud tools/requirements-sam \
		tools/requirements-bench tools/requirements-zig tools/install/requirements; do \
		$(UV_COMPILE) $$list.in -o $$list.txt || exit 1; \
	done
	$(UV_COMPILE) pyproject.toml -c functions/requirements.txt -o requirements-client.txt
	$(UV_COMPILE) requirements-mcp.in -o requirements-mcp.txt

clean: ## Remove everything that these targets made
	rm -rf .venv .tools .aws-sam .bench dist wheels .sam-build.log .coverage .coverage.* .hypothesis .demo-* pixelgate-demo pixelgate-report
	rm -rf pixelgate-shots tools/js/node_modules tools/js/.done
	rm -f functions/pixelgate/engine/native-*.so
	rm -rf bench/speed/node_modules bench/quality/node_modules functions/pixelgate.egg-info
	rm -rf .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.done: requirements-dev.txt functions/requirements.in pyproject.toml
	@tools/find-python >/dev/null
	@echo "setting up .venv with $(PYTHON)"
	@test -x $(UV) || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(sed -n 's/^\(uv==[^ ]*\).*/\1/p' requirements-dev.txt)"
	@$(UV_INSTALL) --python $(BIN)/python -r requirements-dev.txt
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

$(BIN)/odiff: .venv/.done $(wildcard layers/odiff/*/* layers/odiff/*.sh)
	@$(MAKE) --no-print-directory -C layers/odiff install DEST=$(CURDIR)/$(BIN)
	@touch $@

$(NATIVE): $(wildcard functions/native/*) | .tools/zig/.done
	@$(MAKE) --no-print-directory --silent -C functions/native

.tools/asl/.done: tools/asl/package.json tools/asl/package-lock.json
	@echo "setting up .tools/asl"
	@mkdir -p .tools/asl && cp $^ .tools/asl
	@cd .tools/asl && npm ci --silent --ignore-scripts --no-audit --no-fund
	@touch $@

.tools/%/.done: tools/requirements-%.txt | .venv/.done
	@echo "setting up .tools/$*"
	@test -x .tools/$*/bin/python || $(BIN)/python -m venv .tools/$*
	@$(UV_INSTALL) --python .tools/$*/bin/python -r $<
	@touch $@

# What `pixelgate sandbox` fetches once, for the demo and the tests.
.tools/sandbox/.done: functions/requirements.txt tools/requirements-cloud.txt | .venv/.done
	@echo "setting up .tools/sandbox"
	@$(BIN)/python -c 'from pathlib import Path; from pixelgate.sandbox.fetch import fetch; fetch(Path(".tools/sandbox"))'
	@touch $@

# TypeScript and Prettier check the page's modules; axe-core checks its accessibility; Playwright's
# runner runs the drop-in of examples/playwright.
tools/js/.done: tools/js/package.json tools/js/package-lock.json
	@echo "setting up tools/js"
	@cd tools/js && npm ci --silent --ignore-scripts --no-audit --no-fund
	@touch $@

.aws-sam/.done: template.yaml samconfig.toml $(SOURCES) | .venv/.done .tools/sam/.done .tools/zig/.done
	@echo "building the functions and the layer"
	@LAMBDA_PYTHON=$(LAMBDA_PYTHON) $(SAM) build >.sam-build.log 2>&1 || { cat .sam-build.log; exit 1; }
	@rm -f .sam-build.log
	@touch $@
