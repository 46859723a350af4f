"""A policy with a memory behind a real server, in this process; what it answers can be spoiled."""

import threading
import time

import numpy as np
import pytest

from gato_ros.core.arm_action import ArmAction
from gato_ros.core.decision import Decision, Trace
from gato_ros.core.errors import SetupError
from gato_ros.core.observation import Observation
from gato_ros.core.policy import PolicyInfo
from gato_ros.embodiments import load_embodiment
from gato_ros.models.tokenizer import StepTokens

ROBOT = load_embodiment()
DIGEST = "ab" * 32
PATIENT_S = 20.0
"""For a step where time is not what is tested: the machine may be busy."""


class CountingPolicy:
    """Its speed is how many steps it remembers [mm/s]; so a memory that differs shows."""

    observation_keys = ("basket_front_left/pixels", "gripper/opening")

    def __init__(self, digest=DIGEST):
        self.info = PolicyInfo(digest, remembers=True, prompt_steps=8, reach_steps=9)
        self.remembered, self.resets, self.ticks = 0, [], 0
        self.act_s, self.fault = 0.0, None

    def reset(self, prompt=None):
        self.resets.append(prompt)
        self.remembered = 0 if prompt is None else len(prompt)

    def check_prompt(self, prompt):
        if len(prompt) > self.info.prompt_steps:
            raise SetupError(expected="a prompt of at most 8 steps", got=str(len(prompt)), fix="take a part")

    def check_texts(self, values):
        if any(value.any() for value in values.values()):
            raise SetupError(expected="texts that this policy knows", got="others", fix="say nothing")

    def act(self, observation):
        time.sleep(self.act_s)
        self.remembered += 1
        self.ticks += 1
        if self.fault is not None:
            return self.fault()
        pixels = observation.values["basket_front_left/pixels"]
        tokens = StepTokens(pixels.reshape(-1, 16, 16, 3), np.arange(3, dtype=np.int32))
        of = np.full(5, 0.5, np.float32)
        trace = Trace(tokens, np.arange(5, dtype=np.int32), of, of / 2, of * 3, (4, 9), 0.001, 0.002, self.ticks)
        twist = np.array([1e-3 * self.remembered, 0.0, 0.0, 0.0])
        return Decision(ArmAction(twist, float(observation.values["gripper/opening"][0])), trace)


@pytest.fixture
def counting():
    return CountingPolicy()


@pytest.fixture
def serve():
    """`serve(policy, port=0, keys="")`: a running server; closed at the end."""
    pytest.importorskip("grpc", reason="needs gRPC: pip install -r requirements/remote.txt")
    from gato_ros.remote.address import Address
    from gato_ros.remote.host import PolicyHost
    from gato_ros.remote.server import PolicyServer

    running = []

    def start(policy, port=0, keys="", contract=ROBOT):
        server = PolicyServer(PolicyHost(policy, contract, "counting"), Address("127.0.0.1", port), keys)
        running.append(server)
        return server

    yield start
    for server in running:
        server.close()


@pytest.fixture
def connect():
    """`connect(server, ...)`: the policy of a server, as a robot's computer has it; closed at the end."""
    from gato_ros.remote.policy import RemotePolicy

    made = []

    def to(server, limit_s=PATIENT_S, **more):
        policy = RemotePolicy(f"grpc://{server.address}", more.pop("contract", ROBOT), limit_s, **more)
        made.append(policy)
        return policy

    yield to
    for policy in made:
        policy.close()


def observation(seed=0, opening_m=0.04):
    """As the contract has it, of the keys that the policy reads."""
    pixels = np.random.default_rng(seed).integers(0, 256, ROBOT.channel("basket_front_left/pixels").shape, np.uint8)
    return Observation(
        {"basket_front_left/pixels": pixels, "gripper/opening": np.array([opening_m], np.float32)}, 1.0 + seed
    )


def until(done, what, limit_s=60.0):
    """Wait; fails the test after the limit."""
    end_s = time.monotonic() + limit_s
    while not done():
        assert time.monotonic() < end_s, f"waited {limit_s} s for {what}"
        threading.Event().wait(0.02)
