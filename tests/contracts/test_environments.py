"""Every environment keeps Gymnasium's contract and ours."""

import hashlib
import subprocess
import sys
import warnings
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from gato_ros.core.arm_action import ArmAction
from gato_ros.core.errors import SetupError
from gato_ros.embodiments import load_embodiment
from gato_ros.sim.env import PRIVILEGED_KEYS, RgbStackingEnv

PANDA = load_embodiment("panda_rgb_stacking")
STATE_KEYS = ("gripper/grasp", "gripper/opening", "sawyer/joints/angle", "sawyer/pinch/pose")


@pytest.fixture
def make():
    made = []

    def one(*arguments, **options):
        made.append(RgbStackingEnv(*arguments, **options))
        return made[-1]

    yield one
    for environment in made:
        environment.close()


@pytest.mark.parametrize(
    "options",
    [
        {"objects": "cubes", "observation_keys": STATE_KEYS, "privileged": PRIVILEGED_KEYS},
        {"objects": "triplet2"},
        {"objects": "cubes", "embodiment": PANDA, "privileged": PRIVILEGED_KEYS},
    ],
)
def test_gymnasium_finds_no_fault(make, options):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_env(make(**options), skip_render_check=True)
    # Velocities and forces have no bound, and these actions are in SI units: both are meant so.
    meant = ("infinity", "symmetric and normalized", "not recommended")
    # ResourceWarnings are other tests' litter, collected while this one runs.
    found = [str(one.message) for one in caught if issubclass(one.category, UserWarning)]
    assert [text for text in found if not any(part in text for part in meant)] == []


def test_it_is_registered_under_its_name():
    environment = gymnasium.make("gato_ros.sim:gato_ros/RgbStacking-v0", objects="cubes", observation_keys=STATE_KEYS)
    try:
        observation, info = environment.reset(seed=1)
        assert set(observation) == set(STATE_KEYS) and info["stacked"] is False
    finally:
        environment.close()


def rollout(environment, seed, ticks=15):
    digest = hashlib.sha256()
    observation, info = environment.reset(seed=seed)
    random = np.random.default_rng(seed)
    for _ in range(ticks):
        for key in sorted(observation):
            digest.update(key.encode() + observation[key].tobytes())
        observation, reward, _, _, info = environment.step(
            random.uniform(environment.action_space.low, environment.action_space.high)
        )
        digest.update(repr((reward, info["objects"], info["progress"])).encode())
    return digest.hexdigest()


PROGRAM = """
import runpy, sys
from gato_ros.sim.env import RgbStackingEnv
rollout = runpy.run_path(sys.argv[1])["rollout"]
print(rollout(RgbStackingEnv("train"), 11))
"""


@pytest.mark.fault("X3")
def test_a_seed_fixes_the_episode_in_this_process_and_in_another(make):
    environment = make("train")
    first = rollout(environment, 11)
    assert rollout(environment, 12) != first
    assert rollout(environment, 11) == first, "an episode depends on the one before it"
    assert rollout(make("train"), 11) == first
    other = subprocess.run(
        [sys.executable, "-c", PROGRAM, __file__],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert other.stdout.split()[-1] == first


def test_it_ends_at_its_time_limit_and_not_before(make):
    environment = make("cubes", observation_keys=("gripper/opening",), max_steps=5)
    environment.reset(seed=0)
    ends = [environment.step_action(ArmAction(np.zeros(4), 0.085))[1:3] for _ in range(5)]
    assert ends == [(False, False)] * 4 + [(False, True)]


def test_a_policys_action_goes_into_step_as_it_is(make):
    both = [make("cubes", observation_keys=("gripper/opening",)) for _ in range(2)]
    for action in (ArmAction(np.array([0.03, 0.0, -0.02, 0.4]), 0.0), ArmAction(np.zeros(4), 0.085)):
        for environment in both:
            environment.reset(seed=3)
        for _ in range(12):
            both[0].step(action.as_vector())
            both[1].step_action(action)
        openings = [environment.world.gripper_opening_m for environment in both]
        assert openings[0] == openings[1]
        # A positive opening opens: the last value is metres, not a command to close.
        assert (openings[0] > 0.06) == (action.gripper_opening_m > 0)


def test_it_wants_a_reset_first(make):
    with pytest.raises(gymnasium.error.ResetNeeded):
        make("cubes", observation_keys=STATE_KEYS).step(np.zeros(5))


@pytest.mark.parametrize("action", [np.zeros(4), np.full(5, np.nan), np.array([0, 0, 0, np.inf, 0])])
def test_an_action_that_is_no_action_is_refused(make, action):
    environment = make("cubes", observation_keys=STATE_KEYS)
    environment.reset(seed=0)
    with pytest.raises(ValueError, match="5 finite numbers"):
        environment.step(action)


def test_privileged_state_is_given_only_where_it_is_named(make):
    plain = make("cubes", observation_keys=STATE_KEYS)
    observation, _ = plain.reset(seed=0)
    assert set(observation) == set(STATE_KEYS) and plain.observe().privileged == {}
    asking = make("cubes", observation_keys=STATE_KEYS, privileged=PRIVILEGED_KEYS[:1])
    asking.reset(seed=0)
    assert set(asking.observe().privileged) == {PRIVILEGED_KEYS[0]}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"objects": "triplet6"}, "triplet5|triplet"),
        ({"observation_keys": ("gripper/openin",)}, "gripper/opening"),
        ({"privileged": ("privileged/red/pos",)}, "privileged/red/pose"),
    ],
)
def test_unknown_names_are_refused_with_the_nearest(options, said):
    with pytest.raises(SetupError, match=said):
        RgbStackingEnv(**options)
