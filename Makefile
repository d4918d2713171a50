# Everything runs in .venv, which is made from the locks when it is missing or they have changed.

BIN := .venv/bin
comma := ,

.DEFAULT_GOAL := help
.PHONY: help venv demo mysql test simulate mutants interleavings copies lint format bench soak chaos lock kubernetes cluster cluster-down cluster-test images clean

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*##/\1\t/p' $(MAKEFILE_LIST) | expand -t 12

venv: .venv/complete  ## make .venv (PYTHON=… names the interpreter)

.venv/complete: requirements.lock requirements-demo.lock pyproject.toml tools/venv
	@tools/venv

demo: .venv/complete  ## a sharded MySQL on this machine, with real data
	@$(BIN)/flyball local demo $(ARGS)

mysql: .venv/complete  ## say where MySQL is; fetch it when there is none
	@$(BIN)/python -m flyball_local.mysql_install

test: .venv/complete  ## run the tests (TIERS=unit,mysql,cli picks folders of tests/, ARGS=… goes to pytest)
	$(BIN)/python -m pytest -q $(if $(TIERS),$(addprefix tests/,$(subst $(comma), ,$(TIERS))),tests) $(ARGS)

simulate: .venv/complete  ## run simulated worlds (SEEDS=…, MINUTES=… or both, whichever ends first; SEED=… replays one)
	$(BIN)/python -m tests.simulation $(if $(SEED),--seed $(SEED),$(if $(SEEDS),--seeds $(SEEDS)) $(if $(MINUTES),--minutes $(MINUTES))) $(ARGS)

mutants: .venv/complete  ## look for the seeds that notice each safety rule taken out (ARGS="--only 'rule 11'")
	$(BIN)/python -m tests.simulation.mutants $(ARGS)

interleavings: .venv/complete  ## strike every workflow twice in every way (EVERY=100 runs each hundredth)
	$(BIN)/python -m tests.simulation --interleavings $(or $(EVERY),1) $(ARGS)

copies: .venv/complete  ## copy and compare random schemas while they are written to (RUNS=200 FIRST=0)
	$(BIN)/python -m tests.mysql.moving.fire --runs $(or $(RUNS),200) --first $(or $(FIRST),0)

lint: .venv/complete  ## format, rules, types, layers, texts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/check_text.py

format: .venv/complete  ## put the code into its format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/complete  ## run benchmarks/NAME.py
	@test -n "$(NAME)" || { echo "which one? make bench NAME=…:"; ls benchmarks; exit 2; }
	$(BIN)/python benchmarks/$(NAME).py $(ARGS)

soak: .venv/complete  ## the operator with 500 keyspaces for MINUTES=10: what it writes, and whether its memory grows
	$(BIN)/python benchmarks/operator-scale.py --minutes $(or $(MINUTES),10) $(ARGS)

chaos: .venv/complete  ## faults of all kinds on real servers (MINUTES=10 SEED=…); needs root
	@$(BIN)/python benchmarks/chaos.py $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED)) $(ARGS)

lock: .venv/complete  ## write the locks anew from pyproject.toml
	$(BIN)/python tools/lock.py $(ARGS)

kubernetes: .venv/complete  ## say where Kubernetes is; build it from its Go modules when there is none (minutes)
	@$(BIN)/python -m tools.kubernetes.build all

cluster: .venv/complete  ## a Kubernetes of three nodes (NODES=…): the one of KUBECONFIG, else kind, else one made here by root
	@$(BIN)/python -m tools.kubernetes.cluster up --nodes $(or $(NODES),3)

cluster-down: .venv/complete  ## end the cluster that was made here
	@$(BIN)/python -m tools.kubernetes.cluster down

cluster-test: .venv/complete  ## one keyspace on that cluster through every chapter of its story; ARGS=… goes to pytest
	CLUSTER_TEST=whole $(BIN)/python -m pytest -q tests/kubernetes/cluster $(ARGS)

images: .venv/complete  ## the images of flyball and of MySQL as archives, built without Docker (root)
	@$(BIN)/python -m tools.kubernetes.images

clean:  ## remove what was made here; MySQL and Kubernetes stay in the cache
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
