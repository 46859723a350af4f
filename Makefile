# `make sim` watches a Gato drive the simulated Sawyer; `make test` checks everything. Both set themselves up.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help venv hooks sim test test-domains test-ray test-robot test-jazzy lint collect train policy policy-smoke generalist improve evaluate bench bench-peers bench-peers-onnxruntime bench-gpu corrupt-weights coverage guard-fuzz guard-fuzz-kinds guard-mutants guard-faults guard-peers bad-inputs record record-kill record-cost camera-cost record-parity remote-cost remote-kill record-peers episodes export-readers doctor doctor-starts driver-conformance sawyer-ros1 docs clean

# Another interpreter: make PYTHON=python3.12 test. It gets a folder of its own (.venv-3.12) where .venv is of another version.
PYTHON ?=
ASKED := $(PYTHON)
FOUND := $(shell sh requirements/environment.sh "$(ASKED)" .venv)
override PYTHON := $(firstword $(FOUND))
VENV := $(or $(lastword $(FOUND)),.venv)
# `no` leaves PyBullet out: a robot's computer needs no simulator.
SIMULATOR ?= yes
# Options for the verbs: make sim ARGS="--episodes 5 --seed 3"
ARGS ?=
# A file's tests share one set of running nodes: they stay together. Long files come first (tests/conftest.py); pytest-xdist
# would put them last, by their few tests.
PYTEST_ARGS ?= -n 4 --dist loadfile --no-loadscope-reorder
GATO_ROS := $(VENV)/bin/python -m gato_ros
STAMP := $(VENV)/.gato_ros-installed
REQUIREMENTS := $(addprefix requirements/,runtime.txt sim.txt ros.txt dev.txt quick_tests.txt text.txt export.txt remote.txt constraints.txt)
DOMAINS := $(VENV)/.gato_ros-domains-installed
RAY := $(VENV)/.gato_ros-ray-installed

# The environment holds its own ROS 2. What a sourced setup.bash leaves behind would mix another one into it.
unexport PYTHONPATH PYTHONHOME AMENT_PREFIX_PATH CMAKE_PREFIX_PATH COLCON_PREFIX_PATH RMW_IMPLEMENTATION ROS_DISTRO
unexport _ROS_WHEELS_BOOTSTRAP_COMPLETE VIRTUAL_ENV
ifneq ($(AMENT_PREFIX_PATH),)
unexport LD_LIBRARY_PATH
endif

help:  ## this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 18

define CHECK_PYTHON
@$(or $(PYTHON),false) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null || { \
	  echo "gato_ros needs Python 3.11, 3.12 or 3.13; $(if $(ASKED),'$(ASKED)' is not one here,none is here)."; \
	  echo "  Debian 12:    sudo apt install python3.11 python3.11-venv"; \
	  echo "  Ubuntu 24.04: sudo apt install python3.12 python3.12-venv python3.12-dev g++ (PyBullet is built, once)"; \
	  echo "  Ubuntu 22.04: sudo add-apt-repository ppa:deadsnakes/ppa && sudo apt install python3.11 python3.11-venv"; \
	  echo "  anywhere:     uv python install 3.11, then make PYTHON=\$$(uv python find 3.11) $(MAKECMDGOALS)"; exit 2; } >&2
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "$(PYTHON) is here without its venv module. Debian, Ubuntu: sudo apt install $(notdir $(PYTHON))-venv"; exit 2; } >&2
endef

venv: $(STAMP)  ## the environment that every other target uses (.venv; SIMULATOR=no for a robot's computer)

$(STAMP): $(REQUIREMENTS)
	$(CHECK_PYTHON)
	@echo "setting up $(VENV) with $$($(PYTHON) -V): about 2 GB, a few minutes the first time"
	@test -x $(VENV)/bin/pip || $(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check \
	  -r requirements/runtime.txt -r requirements/ros.txt -r requirements/dev.txt -r requirements/export.txt \
	  -r requirements/remote.txt -c requirements/constraints.txt
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements/text.txt
	@test "$(SIMULATOR)" = no || sh requirements/simulator.sh $(VENV)/bin/python
	@$(GATO_ROS) doctor --imports-only
	@touch $@

sim: venv  ## the whole loop over ROS 2: simulator, policy and guard; leaves out/sim/report.html
	@$(GATO_ROS) sim $(ARGS)

record: venv  ## demonstrations by an operator over ROS 2 (ARGS="--teleop keyboard --gui --episodes 5")
	@$(GATO_ROS) record $(ARGS)

collect: venv  ## demonstrations by the scripted expert
	@$(GATO_ROS) collect $(ARGS)

episodes: venv  ## recordings: ARGS="ls DIR", and verify, repair, label, trash, stats, view, export
	@$(GATO_ROS) episodes $(ARGS)

train: venv  ## clone demonstrations into a Gato
	@$(GATO_ROS) train $(ARGS)

policy: venv  ## the shipped weights from nothing, resumable (ARGS="--list" tells how far it is)
	@$(GATO_ROS) policy $(ARGS)

policy-smoke: venv  ## all stages of `policy` at toy sizes, in minutes
	@$(GATO_ROS) policy --recipe smoke $(ARGS)

generalist: $(DOMAINS)  ## one set of weights for all domains from nothing, resumable (ARGS="--list" tells how far it is)
	@$(GATO_ROS) policy --recipe generalist $(ARGS)

improve: venv  ## a policy learns from the outcomes of its own episodes, in rounds, resumable
	@$(GATO_ROS) improve $(ARGS)

evaluate: venv  ## success rates of a policy
	@$(GATO_ROS) evaluate $(ARGS)

bench: venv  ## speed of the simulator and of a control step
	@$(GATO_ROS) bench $(ARGS)

bench-peers: venv  ## a control step beside a transformers GPT of equal shape (makes .venv-peer, about 1 GB)
	@test -x .venv-peer/bin/python || $(PYTHON) -m venv .venv-peer
	@.venv-peer/bin/python -m pip install --quiet --disable-pip-version-check -r requirements/peer.txt
	@$(GATO_ROS) bench peers --peer-python .venv-peer/bin/python --json out/bench/peers.json $(ARGS)

bench-peers-onnxruntime: venv  ## a control step beside a GPT of equal shape in onnxruntime (makes .venv-ort, about 200 MB)
	@test -x .venv-ort/bin/python || $(PYTHON) -m venv .venv-ort
	@.venv-ort/bin/python -m pip install --quiet --disable-pip-version-check -r requirements/peer_onnxruntime.txt
	@$(GATO_ROS) bench peers --runtime onnxruntime --peer-python .venv-ort/bin/python \
	  --json out/bench/peers_onnxruntime.json $(ARGS)

PEERS := dm_robotics lerobot openpi
# A peer that cannot be installed is a row of the table that says so, not an end of the measurement.
guard-peers: venv  ## the guard beside dm_robotics, LeRobot and openpi, under fuzz and kill -9 (makes .venv-peer-*, about 2 GB)
	@for peer in $(PEERS); do \
	  test -x .venv-peer-$$peer/bin/python || $(PYTHON) -m venv .venv-peer-$$peer; \
	  .venv-peer-$$peer/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
	    -r requirements/peer_$$peer.txt || echo "$$peer: not installed, see above"; done
	@$(GATO_ROS) bench guard-peers $(ARGS)

# Needs a JAX that sees the GPU in the environment. What it calls has run on an H100 (but gato_79m), the target as a whole not.
bench-gpu: venv  ## what only a GPU can tell: control steps of the paper's sizes, and MFU; out/bench/gpu_*.json
	@$(VENV)/bin/python -c 'import jax; assert jax.default_backend() == "gpu", "JAX sees no GPU here"'
	@$(GATO_ROS) bench step --preset gato_1_18b --precisions bfloat16 int8 --sides streaming one_pass --steps 500 \
	  --seconds 60 --json out/bench/gpu_step_1_18b.json
	@$(GATO_ROS) bench step --preset gato_79m --precisions bfloat16 float32 --steps 200 --seconds 40 \
	  --json out/bench/gpu_step_79m.json
	@$(GATO_ROS) bench train --preset gato_364m --compute bfloat16 --attention fused --no-rematerialise --batch 16 \
	  --json out/bench/gpu_train_364m.json
	@$(GATO_ROS) bench train --preset gato_1_18b --compute bfloat16 --attention fused --no-rematerialise --batch 8 \
	  --json out/bench/gpu_train_1_18b.json
	@$(GATO_ROS) bench train --preset gato_1_18b --compute bfloat16 --attention fused --batch 8 \
	  --json out/bench/gpu_train_1_18b_again.json

# LeRobot 0.6 needs Python 3.12; its doctors are packages of others.
EXPORT_VENV := .venv-peer-lerobot-reader
export-readers: venv  ## exported episodes, read back by h5py, TensorFlow Datasets, LeRobot and its doctors (makes an environment, about 2 GB)
	@test -x $(EXPORT_VENV)/bin/python || { \
	  found=$$(sh requirements/environment.sh python3.12 .venv); \
	  test -n "$$found" || { echo "LeRobot 0.6 needs Python 3.12, and there is no python3.12 here" >&2; exit 2; }; \
	  $${found%% *} -m venv $(EXPORT_VENV); }
	@$(EXPORT_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements/export_readers.txt
	@$(EXPORT_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
	  -r requirements/export_readers_lerobot.txt
	@LEROBOT_PYTHON=$(EXPORT_VENV)/bin/python $(VENV)/bin/python -m pytest -p no:xdist tests/data/test_export.py \
	  tests/data/test_lerobot_doctors.py $(ARGS)

corrupt-weights: venv  ## flip bits of a policy and of a checkpoint, cut them: none may load; out/corrupt.json
	@$(GATO_ROS) bench corrupt --json out/corrupt.json $(ARGS)

guard-fuzz: venv  ## ten million guard steps on every float there is; none may escape; out/guard/fuzz.json
	@$(GATO_ROS) guard fuzz --json out/guard/fuzz.json --ledger out/guard/fuzz_ledger.json $(ARGS)

guard-fuzz-kinds: venv  ## the same for every kind of action; stopped, it goes on where it was; out/guard/fuzz_kinds.json
	@$(GATO_ROS) guard fuzz --actions all --json out/guard/fuzz_kinds.json --ledger out/guard/fuzz_ledger.json $(ARGS)

bad-inputs: venv  ## wrong inputs for every option of every verb, over 2,000: one line each; out/bad_inputs.json
	@$(VENV)/bin/python -m tests.evidence.bad_inputs --json out/bad_inputs.json $(ARGS)

guard-mutants: venv  ## changes of the guard's mathematics that its tests must notice; out/guard/mutants.json
	@$(GATO_ROS) guard mutants --json out/guard/mutants.json $(ARGS)

# How often each measured fault is injected, and the policy killed; about half an hour. Wants a quiet machine.
FAULT_REPEAT ?= 35
FAULT_KILLS ?= 200
guard-faults: venv  ## every row of docs/reference/safety.md, each reaction timed many times; out/guard/faults.json
	@$(VENV)/bin/python -m pytest -p no:xdist -m fault --timed --timeout 3600 --fault-repeat $(FAULT_REPEAT) \
	  --fault-kills $(FAULT_KILLS) --fault-json out/guard/faults.json tests $(ARGS)

DRIVER_REPEAT ?= 20
driver-conformance: venv  ## simulator, mock and the Sawyer's agent (before a modelled arm) through one suite; out/driver.json
	@$(VENV)/bin/python -m pytest -p no:xdist tests/drivers tests/ros/test_driver_conformance.py \
	  --timed --driver-repeat $(DRIVER_REPEAT) --driver-json out/driver.json $(ARGS)

# INTERA_SDK=FOLDER with checkouts of intera_sdk and intera_common: the agent then runs on the real SDK.
sawyer-ros1: venv  ## the Sawyer's agent under a real roscore and rospy (Debian's), through the same suite; out/driver_ros1.json
	@$(VENV)/bin/python tests/drivers/ros1/master.py
	@SAWYER_ROS1=1 $(VENV)/bin/python -m pytest -p no:xdist tests/drivers/test_ros1.py tests/drivers/test_sawyer_agent.py \
	  tests/ros/test_driver_conformance.py -k "not sim and not mock" \
	  --driver-repeat $(DRIVER_REPEAT) --driver-json out/driver_ros1.json $(ARGS)

record-kill: venv  ## the recorder killed 500 times: steps lost, files unreadable; out/record/kill.json. Wants a quiet machine
	@$(GATO_ROS) bench record-kill --kills 500 --json out/record/kill.json $(ARGS)

record-cost: venv  ## the control loop with and without a recorder; out/record/cost.json. Wants a quiet machine
	@$(GATO_ROS) bench record-cost --json out/record/cost.json $(ARGS)

camera-cost: venv  ## the control loop before 640x480 JPEG and before 128x128 raw; out/camera/cost.json. Wants a quiet machine
	@$(GATO_ROS) bench camera-cost --json out/camera/cost.json $(ARGS)

remote-cost: venv  ## the control loop with its policy on a server and without; out/remote/cost.json. Wants a quiet machine
	@$(GATO_ROS) bench remote --json out/remote/cost.json $(ARGS)

remote-kill: venv  ## the policy's server killed 200 times, each stop timed; out/remote/kill.json. Wants a quiet machine
	@$(VENV)/bin/python -m pytest -p no:xdist --timed --timeout 3600 --fault-kills $(FAULT_KILLS) \
	  --fault-json out/remote/kill.json tests/ros/faults/test_policy_server.py -k killed $(ARGS)

record-parity: venv  ## live and recorded tokens over DDS, 1,000 steps; out/record/parity.json
	@$(GATO_ROS) bench record-parity --json out/record/parity.json $(ARGS)

record-peers: venv  ## our episodes and LeRobot's under the same kills (makes .venv-peer-lerobot-recorder, about 2 GB)
	@test -x .venv-peer-lerobot-recorder/bin/python || $(PYTHON) -m venv .venv-peer-lerobot-recorder
	@.venv-peer-lerobot-recorder/bin/python -m pip install --quiet --disable-pip-version-check \
	  -r requirements/peer_lerobot_recorder.txt || echo "lerobot: not installed, see above"
	@$(GATO_ROS) bench record-peers --json out/record/peers.json $(ARGS)

doctor: venv  ## what this machine has and what is missing; ARGS="--robot": whether a running robot is ready to move
	@$(GATO_ROS) doctor $(ARGS)

doctor-starts: venv  ## 20 clean starts of the loop: the doctor's false alarms; out/doctor/starts.json. Wants a quiet machine
	@$(GATO_ROS) bench doctor $(ARGS)

hooks: venv  ## pre-commit hooks for this clone: ruff, layout, import contracts, file ends, large files
	@$(VENV)/bin/pre-commit install

lint: venv  ## style, layout, layering and types
	@$(VENV)/bin/ruff check
	@$(VENV)/bin/ruff format --check --quiet || { echo "run $(VENV)/bin/ruff format" >&2; exit 1; }
	@$(VENV)/bin/lint-imports --no-logo
	@$(VENV)/bin/basedpyright --pythonpath $(VENV)/bin/python

test: lint  ## lint, then all tests
	@$(VENV)/bin/python -m pytest $(PYTEST_ARGS)

$(DOMAINS): $(STAMP) requirements/domains.txt requirements/atari.txt
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check \
	  -r requirements/domains.txt -r requirements/atari.txt -c requirements/constraints.txt
	@touch $@

test-domains: $(DOMAINS)  ## the domains that are no robot's and the held-out worlds, with the packages that they need (about 140 MB)
	@$(VENV)/bin/python -m pytest -p no:xdist tests/domains tests/data/test_demonstrations.py tests/sim/held_out $(ARGS)

$(RAY): $(STAMP) requirements/ray.txt
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check \
	  -r requirements/ray.txt -c requirements/constraints.txt
	@touch $@

test-ray: $(RAY)  ## `--ray`: three local nodes, some of them killed, with the package that they need (about 240 MB)
	@$(VENV)/bin/python -m pytest -p no:xdist tests/evaluation/cluster $(ARGS)

# What a robot's computer installs, and no more: no simulator, no linters, no exports. ROBOT=~/.cache/... keeps it.
ROBOT ?= .venv-robot$(patsubst .venv%,%,$(VENV))
ROBOT_REQUIREMENTS := $(addprefix requirements/,runtime.txt ros.txt quick_tests.txt constraints.txt)
$(ROBOT)/.gato_ros-installed: $(ROBOT_REQUIREMENTS)
	$(CHECK_PYTHON)
	@echo "setting up $(ROBOT) with $$($(PYTHON) -V), without the simulator: about 1 GB, a few minutes the first time"
	@test -x $(ROBOT)/bin/pip || $(PYTHON) -m venv $(ROBOT)
	@$(ROBOT)/bin/python -m pip install --quiet --disable-pip-version-check \
	  -r requirements/runtime.txt -r requirements/ros.txt -r requirements/quick_tests.txt -c requirements/constraints.txt
	@$(ROBOT)/bin/python -m gato_ros doctor --imports-only
	@touch $@

ROBOT_TESTS ?= tests/packaging/test_without_simulator.py tests/ros/test_without_simulator.py tests/embodiments \
  tests/core/test_guard*.py tests/core/test_motion.py
test-robot: $(ROBOT)/.gato_ros-installed  ## a robot's side without the simulator: set-up and its quickest tests (.venv-robot)
	@$(ROBOT)/bin/python -m pytest -p no:xdist $(ROBOT_TESTS) $(ARGS)

# Not part of `make test`: under coverage.py on Python 3.11, tests/core takes 1.7 times the processor time.
coverage: venv  ## lines that the tests execute, by room, what they start included; out/coverage/report.json
	@rm -rf out/coverage && mkdir -p out/coverage
	@$(VENV)/bin/python -m coverage run -m pytest $(PYTEST_ARGS); status=$$?; \
	  $(VENV)/bin/python -m coverage combine --quiet && $(VENV)/bin/python -m coverage json --quiet && \
	  $(VENV)/bin/python -m tests.evidence.coverage_by_room && exit $$status

# The other set: numpy 1.26, JAX 0.6 and ROS 2 Jazzy, in an environment of its own. JAZZY_TESTS="tests/ros" for a part.
JAZZY := .venv-jazzy$(patsubst .venv%,%,$(VENV))
JAZZY_TESTS ?= tests
JAZZY_REQUIREMENTS := $(addprefix requirements/,jazzy.txt sim.txt jazzy_ros.txt dev.txt quick_tests.txt jazzy_export.txt text.txt remote.txt jazzy_constraints.txt)

$(JAZZY)/.gato_ros-installed: $(JAZZY_REQUIREMENTS)
	$(CHECK_PYTHON)
	@echo "setting up $(JAZZY): about 2 GB, a few minutes the first time"
	@test -x $(JAZZY)/bin/pip || $(PYTHON) -m venv $(JAZZY)
	@$(JAZZY)/bin/python -m pip install --quiet --disable-pip-version-check \
	  -r requirements/jazzy.txt -r requirements/jazzy_ros.txt -r requirements/dev.txt -r requirements/jazzy_export.txt \
	  -r requirements/remote.txt -c requirements/jazzy_constraints.txt
	@$(JAZZY)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements/text.txt
	@test "$(SIMULATOR)" = no || sh requirements/simulator.sh $(JAZZY)/bin/python
	@$(JAZZY)/bin/python -m gato_ros doctor --imports-only
	@touch $@

test-jazzy: $(JAZZY)/.gato_ros-installed  ## all tests on ROS 2 Jazzy's set of packages (makes .venv-jazzy, about 2 GB)
	@$(JAZZY)/bin/python -m pytest $(PYTEST_ARGS) $(JAZZY_TESTS)

# An environment of its own: the site's packages need nothing of ours, and ours nothing of theirs.
DOCS := .venv-docs
$(DOCS)/.gato_ros-installed: requirements/docs.txt
	$(CHECK_PYTHON)
	@test -x $(DOCS)/bin/pip || $(PYTHON) -m venv $(DOCS)
	@$(DOCS)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements/docs.txt
	@touch $@

docs: $(DOCS)/.gato_ros-installed  ## these pages as a site in out/site, every warning an error (makes .venv-docs)
	@NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build --strict --quiet && echo "open out/site/index.html"

clean:  ## caches and build results; the environment and out/ stay
	@rm -rf build install log *.egg-info .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find . \( -path './.venv*' -o -path ./out -o -path ./.git \) -prune -o -name __pycache__ -type d -exec rm -rf {} +
