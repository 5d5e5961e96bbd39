# Everything a contributor does, from a bare clone. `make setup` is what the others start with.
PYTHON ?= python3
BIN := .venv/bin
WORKERS ?= auto
PACKAGES := edgepatent runtime/edgepatent_runtime postgres/edgepatent_postgres cluster/edgepatent_cluster synthetic/edgepatent_synthetic train/edgepatent_train export/edgepatent_export
PYPROJECTS := pyproject.toml runtime/pyproject.toml postgres/pyproject.toml cluster/pyproject.toml synthetic/pyproject.toml train/pyproject.toml export/pyproject.toml

.DEFAULT_GOAL := help
.PHONY: help setup memory test test-random fuzz wheels offline deb test-deb image test-image audit test-slow test-cluster test-install test-arm64 check format docs demo clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

setup: .venv/.installed ## a virtual environment with the seven packages and the tools

.venv/.installed: $(PYPROJECTS)
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -e './runtime[pdf,heif,svg]' -e ./postgres -e './cluster[ray]' -e ./synthetic -e './train[tensorboard]' -e ./export -e '.[web,xlsx]' --group dev
	$(BIN)/python -m pip install --quiet -e './runtime[graph]' || echo "going on without hnswlib: it is compiled on installation, and that failed; large indexes are searched by scan"
	touch $@

test: setup ## the default tests, in under ten minutes on two cores
	$(BIN)/python -m pytest -m "not slow and not install and not cluster and not arm64" -n $(WORKERS) --dist loadfile --no-loadscope-reorder --durations 10

test-slow: setup ## the heavier tests
	$(BIN)/python -m pytest -m "slow and not install and not cluster and not arm64"

test-cluster: setup ## on a Ray cluster of two nodes on this machine, a minute or two
	$(BIN)/python -m pytest tests/cluster -m cluster

test-install: setup ## wheels with the train and export extras in fresh environments (downloads torch)
	$(BIN)/python -m pytest -m install

test-arm64: setup ## every command of the Raspberry Pi guide, and the Debian package, on emulated arm64 (root, qemu-user-static, debootstrap)
	$(BIN)/python -m pytest -m arm64 -s tests/e2e/test_guide_arm64.py

SEED ?= 1
FILES ?= 300
fuzz: setup ## mutated files of every format, update packs and requests, FILES of each kind, from SEED; minutes
	$(BIN)/python benchmarks/decoding.py fuzz --files $(FILES) --seed $(SEED)
	EDGEPATENT_FRESH_EXAMPLES=1 EDGEPATENT_FUZZ_FILES=$(FILES) EDGEPATENT_FUZZ_SEED=$(SEED) $(BIN)/python -m pytest tests/runtime/test_sources_hostile.py -k many -m slow
	$(BIN)/python benchmarks/hold_inputs.py --mutations $(FILES) --seed $(SEED)
	$(BIN)/python benchmarks/hold_packs.py --mutations $(FILES) --seed $(SEED)
	$(BIN)/python benchmarks/hold_page.py --mutations $(FILES) --seed $(SEED)

memory: setup ## peaks of memory against their budgets, a million rows included; half an hour
	$(BIN)/python benchmarks/device.py small

test-random: setup ## the default tests in another order, with new examples, beside a load on every core
	EDGEPATENT_FRESH_EXAMPLES=1 $(BIN)/python tests/beside_load.py -m pytest -o addopts="-ra --strict-markers --strict-config --import-mode=importlib" -o timeout=3600 -m "not slow and not install and not cluster and not arm64"

wheels: setup ## the wheels of all distributions and a bill of materials (CycloneDX), in dist
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist ./runtime ./postgres ./cluster ./synthetic ./train ./export .
	$(BIN)/python .ci/sbom.py dist/sbom.cdx.json

offline: setup ## install.sh and all wheels that it needs, for machines without a network, in dist/offline
	$(BIN)/python .ci/offline.py dist/offline

deb: offline ## Debian packages for both machines and each Python that is here (3.11, 3.13), in dist
	$(BIN)/python .ci/deb.py dist/offline dist

test-deb: ## install what make deb made for this machine, search, remove it, over this root, which stays as it is (root)
	.ci/try_deb.sh dist/edgepatent_*~py$$($(BIN)/python -c 'import sys; print("%d%d" % sys.version_info[:2])')_$$(dpkg --print-architecture).deb

ENGINE ?= podman
image: offline ## a container image for this machine, of the offline wheels (ENGINE=docker for another engine)
	$(ENGINE) build --file dist/offline/Containerfile --tag edgepatent $(BUILD) dist/offline

test-image: ## ask the image's doctor, index and search with it: no network, read-only root, not as root
	ENGINE="$(ENGINE)" .ci/try_image.sh edgepatent

audit: setup ## known vulnerabilities of what is installed (asks the registry)
	$(BIN)/python .ci/audit.py

check: setup ## lint, format, types, and whether the generated docs are fresh
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(PACKAGES)
	$(BIN)/python docs/make_cli_reference.py --check
	$(BIN)/python docs/make_recipe_reference.py --check

format: setup ## format and fix what can be fixed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: setup ## write docs/cli.md and docs/recipe.md, draw the pictures (the report needs chromium)
	$(BIN)/python docs/make_cli_reference.py
	$(BIN)/python docs/make_recipe_reference.py
	$(BIN)/python docs/make_pictures.py

demo: setup ## synthesise, train, export INT8, index, search: the whole chain in a few minutes
	$(BIN)/edgepatent demo --train --out demo

clean: ## remove what the demo and the builds left, never the environment
	rm -rf demo build dist
