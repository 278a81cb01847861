# The usual verbs. Each is one command that also works without make.
.DEFAULT_GOAL := help
.PHONY: help setup demo test test-compiled test-java interop fuzz lint types layers format lock lock-javascript docs check check-deployment setup-deploy image-check chart dashboard-picture man chart-check scale-check supply-check sbom
bin := .venv/bin

help: ## print this list
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' Makefile

setup: ## prepare .venv, MariaDB and Redis for the tests
	./tests/run --set-up

demo: setup ## start on an embedded directory, with a worked example
	$(bin)/authsvc demo

test: ## run every test; ARGS="tests/unit -k policy" runs some
	./tests/run $(ARGS)

test-compiled: ## compile the hot path in a copy of the tree, and run what tests it there; ARGS="tests/attacks" runs some
	./tests/run --compiled $(ARGS)

interop: ## run unmodified object stores and gateways against a running authsvc; ARGS="-k presigned" runs some
	./tests/interop/run $(ARGS)
	./tests/run tests/gateways $(ARGS)

fuzz: setup ## ten million requests that nobody signed; CASES=… as many, AUTHSVC_FUZZ_SEED=… the same again
	AUTHSVC_FUZZ_CASES=$(or $(CASES),10000000) ./tests/run tests/fuzz

test-java: ## the tests that take Java: WSS4J signs SOAP messages
	./tests/java/run $(ARGS)

lint: setup ## check style and format
	$(bin)/ruff check
	$(bin)/ruff format --check

types: setup ## check types
	$(bin)/mypy

layers: setup ## check that imports look down
	$(bin)/lint-imports

format: setup ## format, and mend what can be mended
	$(bin)/ruff check --fix
	$(bin)/ruff format

lock: setup ## lock what pyproject.toml asks for, by version and hash; ARGS=--upgrade moves to the newest
	UV_PYTHON_DOWNLOADS=never $(bin)/uv $(locked) $(ARGS) $(tested) --output-file requirements-dev.txt pyproject.toml
	UV_PYTHON_DOWNLOADS=never $(bin)/uv $(locked) --constraint requirements-dev.txt --output-file requirements.txt pyproject.toml
	UV_PYTHON_DOWNLOADS=never $(bin)/uv $(locked) --constraint requirements-dev.txt --extra full --output-file requirements-full.txt pyproject.toml
	UV_PYTHON_DOWNLOADS=never $(bin)/uv $(locked) $(ARGS) --output-file tests/interop/requirements.txt tests/interop/requirements.in
	UV_PYTHON_DOWNLOADS=never $(bin)/uv $(locked) --constraint requirements-dev.txt --extra deploy --output-file requirements-deploy.txt pyproject.toml
	sed -n '/^requires = /s/[^"]*"\([^"]*\)"[^"]*/\1\n/gp' pyproject.toml | \
		UV_PYTHON_DOWNLOADS=never $(bin)/uv $(locked) --constraint requirements-dev.txt --output-file requirements-build.txt -
	sed -n '/^requires = \|^dependencies = \["hatch/s/[^"]*"\([^"]*\)"[^"]*/\1\n/gp' pyproject.toml | \
		UV_PYTHON_DOWNLOADS=never $(bin)/uv $(locked) --constraint requirements-dev.txt --output-file requirements-compile.txt pyproject.toml -

# Without annotations, index addresses and host names: the files are the same wherever they are made.
locked := pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-annotate --no-header --no-emit-index-url --no-emit-find-links

# Everything that a test looks at; without the extras in requirements.txt, which is what runs.
tested := --extra dev --extra docs

lock-javascript: setup ## list the JavaScript clients of the tests anew, by version and hash, from tests/clients/js/package.json
	$(bin)/python -m tests.clients.javascript lock

docs: setup ## build the documentation as a site, into .cache/site
	NO_MKDOCS_2_WARNING=1 $(bin)/python -m mkdocs build --quiet

check: lint types layers test ## lint, types, layers, test; NOT: check-deployment, interop, test-java, which .ci/run has too

check-deployment: chart-check supply-check scale-check image-check ## chart, bill of materials and wheel, restarts under load, image; takes root

setup-deploy: ## prepare what the checks of the deployment need on top
	./tests/deploy/set-up

chart: setup ## write what is generated in helm/: its README from values.yaml, the settings its schema knows
	$(bin)/python .ci/chart

dashboard-picture: setup ## draw docs/dashboard.png: what the dashboard's queries find over a run; two minutes
	$(bin)/python -m bench.dashboard docs/dashboard.png

man: setup ## write docs/man/authsvc.1, the manual page, from the commands' help and the settings
	$(bin)/python .ci/man

chart-check: setup-deploy ## render the chart with a real Helm, and hold it to Kubernetes' schemas and our policies
	$(bin)/pytest -n 2 tests/deploy/test_chart.py

image-check: setup-deploy ## build the image and run it, on a base of our own; takes root
	./tests/deploy/image

scale-check: setup-deploy ## restart services and workers under load behind HAProxy, and count what fails
	$(bin)/pytest -s tests/deploy/test_rolling.py tests/deploy/test_systemd.py

supply-check: setup-deploy ## compare the bill of materials with the lock file, and two builds of the wheel
	$(bin)/pytest tests/deploy/test_supply_chain.py

sbom: setup-deploy ## write dist/authsvc.cdx.json, the bill of materials
	$(bin)/python .ci/sbom
