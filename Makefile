# Everyday commands. `make help` lists them; STACK=name chooses a stack (default: dev).
STACK ?= dev
export STACK

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# The exports of `make env`, for one recipe.
WITH_ENV := source toolchain/env.sh
OPS := python -m ops --stack "$(STACK)"

.PHONY: help up rollback rollback-frontend leave-region down status outputs logs psql backup backups restore rotate env test lint format rehearse rebuild drill bench lock purge toolchain

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { gsub(/[$$][$$]/, "$$"); printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  STACK=name PORT=8090   another dev stack beside dev: make up STACK=alice PORT=8090"

toolchain:
	@toolchain/install.sh

up: toolchain ## Bring the stack up, or up to date (STACK=, PORT= for a new one)
	@$(WITH_ENV)
	exec $(OPS) up $(if $(PORT),--port $(PORT))

rollback: toolchain ## Go back to the release before, its image and its settings, without a build
	@$(WITH_ENV)
	exec $(OPS) rollback

rollback-frontend: toolchain ## Show the frontend's deployment before the one that serves (STACK=production; TO=id or URL; YES=1: do not ask)
	@$(WITH_ENV)
	exec $(OPS) rollback-frontend $(if $(TO),--to "$(TO)") $(if $(filter 1 yes true,$(YES)),--yes)

leave-region: toolchain ## Forget what the stack had at AWS, for `pulumi up` in another region (STACK=production; YES=1: do not ask)
	@$(WITH_ENV)
	exec $(OPS) leave-region $(if $(filter 1 yes true,$(YES)),--yes)

down: toolchain ## Remove the stack and its data; asks first (YES=1: does not)
	@$(WITH_ENV)
	exec $(OPS) down $(if $(filter 1 yes true,$(YES)),--yes)

status: ## Show the stack's containers and their health
	@$(WITH_ENV)
	exec $(OPS) status

outputs: ## Print the stack's outputs as JSON, secrets masked (SECRETS=1: in clear)
	@$(WITH_ENV)
	exec $(OPS) outputs $(if $(filter 1 yes true,$(SECRETS)),--show-secrets)

logs: ## Print the API's logs (C=database: another component; F=1: follow)
	@$(WITH_ENV)
	exec $(OPS) logs --component $(or $(C),api) $(if $(filter 1 yes true,$(F)),--follow)

psql: ## Open psql on the stack's database
	@$(WITH_ENV)
	exec $(OPS) psql

backup: ## Back the database up; it counts once it was restored and compared
	@$(WITH_ENV)
	exec $(OPS) backup

backups: ## List the backups, newest first
	@$(WITH_ENV)
	exec $(OPS) backups

restore: toolchain ## Restore BACKUP=latest or an ID, or to TIME='2026-11-24 12:00:00+00' (INTO=name: beside; BACK=1: undo; YES=1, FORCE=1)
	@$(WITH_ENV)
	exec $(OPS) restore $(if $(BACKUP),"$(BACKUP)") $(if $(TIME),--time "$(TIME)") $(if $(BACK),--back "$(BACK)") $(if $(INTO),--into "$(INTO)") $(if $(filter 1 yes true,$(FORCE)),--force) $(if $(filter 1 yes true,$(YES)),--yes)

rotate: toolchain ## Replace a secret (SECRET=name; RETIRE=1: accept the value before it no more; YES=1: do not ask)
	@$(WITH_ENV)
	exec $(OPS) rotate "$(SECRET)" $(if $(filter 1 yes true,$(RETIRE)),--retire) $(if $(filter 1 yes true,$(YES)),--yes)

env: ## Print the exports with which plain `pulumi` works: eval "$$(make env)"
	@toolchain/env.sh

test: ## Run all tests; the end-to-end tier deploys and removes a stack of its own (T=path: some)
	@toolchain/install.sh --tests
	$(WITH_ENV)
	# Two processes, each with end-to-end stacks of its own, share the files, what fails in seconds first. A third one would
	# take from the stacks under load what they need to be in time, on two cores.
	exec pytest $(if $(T),$(T),--numprocesses=2 --dist=loadfile --no-loadscope-reorder)

lint: toolchain ## Check style, types and the migrations' lock risk
	@$(WITH_ENV)
	ruff check .
	ruff format --check .
	basedpyright --warnings
	python -m migrations.lint

format: toolchain ## Format the code
	@$(WITH_ENV)
	ruff check --fix .
	ruff format .

rebuild: toolchain ## Rebuild the stack from the repository, its state and its bucket, also where the state is lost
	@$(WITH_ENV)
	exec $(OPS) rebuild

drill: toolchain ## Break a dev stack of its own in every way, and measure the way back (ONLY='database lost'; ROWS=300000: a smaller one)
	@$(WITH_ENV)
	exec python -m drill $(if $(ONLY),--only "$(ONLY)") $(if $(ROWS),--rows $(ROWS))

rehearse: ## Take STACK=staging or production through its life, on stand-ins (INTERRUPTED=1, FAULTS=1: mishaps; DISASTER=1: recoveries)
	@toolchain/install.sh --rehearsal
	$(WITH_ENV)
	exec python -m rehearsal.scenario $(if $(FAULTS),faults,$(if $(INTERRUPTED),interrupted,$(if $(DISASTER),disaster,run))) --stack "$(STACK)"

bench: $(if $(COLD),,toolchain) ## Measure cold, warm and no-op times, each part named (minutes; API=1: the API's speed; REHEARSAL=1: production's; EXPAND=1: a migration of 10 million rows; DEPLOY=1: an update under load; BACKUP=1: backup and restore of a GB)
	@$(if $(REHEARSAL),toolchain/install.sh --rehearsal)
	$(WITH_ENV)
	exec python -m bench$(if $(API),.api)$(if $(REHEARSAL),.rehearsal)$(if $(EXPAND),.expand)$(if $(DEPLOY),.deploy)$(if $(BACKUP),.backup)

lock: toolchain ## Compile the requirements anew from pyproject.toml
	@$(WITH_ENV)
	uv pip compile -q --universal --generate-hashes --python-version 3.11 pyproject.toml --group infra --group dev -o requirements/dev.txt
	uv pip compile -q --universal --generate-hashes --python-version 3.11 pyproject.toml -c requirements/dev.txt -o requirements/app.txt

purge: ## Remove our images and the toolchain from this machine; stacks and their state stay
	@toolchain/uninstall.sh
