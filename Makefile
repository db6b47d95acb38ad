# The only list of commands.

.DEFAULT_GOAL := help
CARGO ?= cargo
ONCE ?=
# Where cargo puts its output, CARGO_TARGET_DIR and configuration included. Every command builds the whole workspace,
# since a smaller selection would unify features differently and compile everything again.
BINS = "$$($(CARGO) metadata --format-version 1 --no-deps --locked | sed -E 's/.*"target_directory":"([^"]*)".*/\1/')/debug"

.PHONY: help run test campaigns fuzz mutants lint fmt crds control-plane image clean

help: ## Show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 24
	@echo "  make run ONCE=1       The same, but end by itself; fails if a sample is not where it belongs"

run: ## See it work: a control plane, a simulated Wazzup, the operator, samples of every transport (needs Go)
	$(CARGO) build --workspace --locked --bins
	@exec $(BINS)/wazzup-demo $(if $(ONCE),--once,)

test: lint control-plane ## Run every check and every test (needs Go; the first run builds a control plane)
	@CARGO="$(CARGO)" tests/run

# The harness too: without optimization its proxies would take more time than all that they stand between.
campaigns: ## Run every fault campaign against the released program (several hours; about three with ARGS="--jobs 48"); ARGS="C1 --seed 7" for a part
	$(CARGO) build --workspace --locked --release --bin wazzup-operator --bin campaigns
	@exec $(BINS)/../release/campaigns $(ARGS)

lint: ## Formatting and lints
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

fmt: ## Format the code
	$(CARGO) fmt --all

crds: ## Write crds/, deploy/argocd/argocd-cm.yaml and the generated parts of docs/ anew from the code
	UPDATE=1 $(CARGO) test --workspace --locked --test crds the_committed_crds
	UPDATE=1 $(CARGO) test --workspace --locked --test documents of_the_code
	UPDATE=1 $(CARGO) test --workspace --locked --test judgement the_config_map_holds

fuzz: ## Fuzz every reader for 30 minutes in all, or MINUTES=n for each (needs a C++ compiler)
	@CARGO="$(CARGO)" tests/fuzz/run

mutants: ## Change the planner in every small way and see whether its tests notice (half an hour)
	@CARGO="$(CARGO)" tests/plan-alone/run

control-plane: ## Build etcd, kube-apiserver, kube-controller-manager and kubectl into the cache (once, some minutes)
	$(CARGO) build --workspace --locked --bins
	@exec $(BINS)/control-plane build

image: ## Build the container image
	docker build -f deploy/Dockerfile -t wazzup-operator:0.1.0 .

clean: ## Remove what cargo built
	$(CARGO) clean
