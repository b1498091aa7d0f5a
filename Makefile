# `make help` lists the targets. Each one builds .venv first when it is missing or out of date.

CONFIG ?= pipeline/configs/synthetic.yaml
ENGINE ?= local
# What `make benchmark` measures.
BENCH ?= scoring growth training
# What `make cluster` starts, and how many task managers of Flink.
CLUSTER ?= flink
TASK_MANAGERS ?= 2
# What `make image` calls what it builds.
IMAGE ?= faceauth:latest
# More arguments for pytest, for example ARGS="-k metrics".
ARGS ?=

BIN := .venv/bin
# Every command of the project; `.venv/bin/faceauth` lists them.
FACEAUTH := $(BIN)/faceauth
.DEFAULT_GOAL := help

.PHONY: help
help:  ## Say what each target does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-19s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup:  ## Build .venv from a lock file; at once when it is up to date
	@scripts/setup_env.sh

.PHONY: run
run: setup  ## Run the pipeline: CONFIG=pipeline/configs/lfw.yaml, ENGINE=local or beam
	@$(FACEAUTH) run --config $(CONFIG) --engine $(ENGINE)

.PHONY: outcome
outcome: setup  ## Print the outcome of the last run of CONFIG again
	@$(FACEAUTH) outcome --config $(CONFIG)

.PHONY: data
data: setup  ## Draw the synthetic data that CONFIG asks for, without a run
	@$(FACEAUTH) run --config $(CONFIG) --data-only

.PHONY: preview
preview: setup  ## Draw what augmentation does to pairs of CONFIG: runs/<name>/preview.png
	@$(FACEAUTH) preview --config $(CONFIG)

.PHONY: report
report: setup  ## Open the report of the last run of CONFIG, or print where it is
	@$(FACEAUTH) report --config $(CONFIG)

.PHONY: kubeflow
kubeflow: setup  ## Compile CONFIG for Kubeflow; pipeline/kubeflow_runner.py says what it needs
	@$(FACEAUTH) kubeflow --config $(CONFIG)

.PHONY: cluster
cluster: setup  ## Start Flink or Spark here for `beam: flink`: CLUSTER=flink TASK_MANAGERS=2
	@exec $(BIN)/python -m scripts.clusters $(CLUSTER) \
		$(if $(filter flink,$(CLUSTER)),--task_managers $(TASK_MANAGERS)) $(ARGS)

.PHONY: tensorboard
tensorboard: setup  ## Show all runs in TensorBoard: curves, test measures, embeddings
	@exec $(FACEAUTH) tensorboard --config $(CONFIG) $(ARGS)

.PHONY: serve
serve: setup  ## Serve the pushed model: TensorFlow Serving in Docker, else a local server
	@exec $(FACEAUTH) serve $(ARGS)

.PHONY: loadtest
loadtest: setup  ## Measure the served model under load, some three minutes: ARGS="--seconds 1"
	@$(FACEAUTH) loadtest $(ARGS)

.PHONY: benchmark
benchmark: setup  ## Measure scoring, growth and training on this machine: BENCH=scoring
	@for bench in $(BENCH); do \
		TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/python -m benchmarks.$$bench $(ARGS) || exit 1; \
	done

.PHONY: scale
scale: setup  ## Compute docs/scale.md again, from runs here and on Flink; ARGS=--no-flink
	@TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/python -m benchmarks.scale --write docs/scale.md $(ARGS)

.PHONY: test
test: setup  ## Run the tests, but those that take over a minute for themselves
	@$(BIN)/pytest -m "not slow" $(ARGS)

.PHONY: test-default-stack
test-default-stack:  ## Run the tests on Debian 13 and the default stack, from an older system
	@scripts/debian13.sh make test ARGS='$(ARGS)'

.PHONY: test-flink
test-flink: setup  ## Run the whole chain on Flink and Spark, a machine of Flink's lost on the way
	@$(BIN)/pytest tests/e2e/test_clusters.py $(ARGS)

.PHONY: test-all
test-all: setup  ## Run every test
	@$(BIN)/pytest $(ARGS)

.PHONY: lint
lint: setup  ## Check style, format, types and layers
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

.PHONY: format
format: setup  ## Put the code into ruff's format
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

.PHONY: docs
docs: setup  ## Build the site of docs/ into site/, without a network
	@NO_MKDOCS_2_WARNING=1 TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/python -m mkdocs build --strict --quiet
	@echo "site/index.html"

.PHONY: audit
audit: setup  ## Look the packages of the lock files up among known vulnerabilities; needs a network
	@scripts/audit.sh

.PHONY: lock
lock: setup  ## Resolve setup.py into both lock files again, after changing a dependency
	@scripts/lock.sh

.PHONY: image
image:  ## Build the container image of the default stack, with Docker or Podman: IMAGE=name:tag
	@engine=$$(command -v podman || command -v docker) || \
		{ echo "make image needs Docker or Podman, and neither is here" >&2; exit 1; }; \
	"$$engine" build --tag $(IMAGE) .

.PHONY: ci
ci:  ## What continuous integration does: the tests, then whole pipelines
	@.ci/run

.PHONY: fuzz
fuzz: setup  ## Feed photo, CSV, tensor and config readers at random: MINUTES=20
	@end=$$(( $$(date +%s) + 60 * $(or $(MINUTES),20) )); \
	while [ "$$(date +%s)" -lt "$$end" ]; do \
		FACEAUTH_FUZZ=1 $(BIN)/pytest -q -W ignore --hypothesis-seed=random tests/fuzz || exit; \
	done

.PHONY: clean-runs
clean-runs: setup  ## Delete old runs of CONFIG but the newest: KEEP=5
	@$(FACEAUTH) clean-runs --config $(CONFIG) $(if $(KEEP),--keep $(KEEP))

.PHONY: clean
clean:  ## Delete caches; runs, pushed models, data and .venv stay
	@rm -rf .mypy_cache .pytest_cache .ruff_cache build dist site
	@find . -name __pycache__ -type d -not -path './.venv/*' -not -path './.cache/*' -prune \
		-exec rm -rf {} +
	@for kept in runs serving/models data/synthetic .venv; do \
		if [ -e "$$kept" ]; then echo "kept: $$kept ($$(du -sh "$$kept" | cut -f1))"; fi; \
	done
