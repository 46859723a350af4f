"""The front door for Python."""

import inspect
import subprocess
import sys

import gymnasium
import numpy as np
import pytest

import gato_ros
from gato_ros.core.errors import SetupError
from gato_ros.embodiments import load_embodiment


def test_import_loads_nothing_heavy():
    program = "import sys, gato_ros; print(sorted({'jax', 'numpy', 'pybullet', 'pydantic'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_without_pybullet_the_simulator_says_what_to_install():
    program = "import sys; sys.modules['pybullet'] = None; import gato_ros; gato_ros.make('rgb_stacking')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "pip install 'gato_ros[sim]'" in done.stderr.splitlines()[-1] and "SetupError" in done.stderr


def test_verbs_that_play_episodes_load_no_jax():
    """A policy with weights loads it later: an expert, a refusal and the processes of a pool do without."""
    verbs = "gato_ros.evaluation.evaluate, gato_ros.evaluation.collection, gato_ros.evaluation.worker_pool"
    program = f"import sys, {verbs}; print(sorted({{'jax', 'flax', 'optax'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_name_is_there_typed_and_documented():
    assert set(gato_ros.__all__) <= set(dir(gato_ros))
    for name in set(gato_ros.__all__) - {"__version__"}:
        function = getattr(gato_ros, name)
        kinds = [parameter.annotation for parameter in inspect.signature(function).parameters.values()]
        assert function.__doc__ and inspect.Parameter.empty not in kinds
        assert inspect.signature(function).return_annotation is not inspect.Signature.empty
    with pytest.raises(AttributeError, match="no attribute 'load_polcy'"):
        gato_ros.load_polcy  # noqa: B018


def test_a_scripted_policy_plays_an_episode():
    policy = gato_ros.load_policy("expert")
    env = gato_ros.make("rgb_stacking", task="blue_on_green", policy=policy)
    assert isinstance(env, gymnasium.Env) and env.unwrapped.wanted.top == "blue"
    outcome = gato_ros.run_episode(gato_ros.load_policy("hold"), gato_ros.make(policy=gato_ros.load_policy("hold")))
    assert not outcome.success and outcome.steps == 400
    env.reset(seed=1)
    with pytest.raises(SetupError, match="tokens"):
        gato_ros.tokenize(policy, env.unwrapped.observe())
    env.close()


def test_unknown_names_say_what_there_is():
    for call in (
        lambda: gato_ros.make("rgb_staking"),
        lambda: gato_ros.make(task="red_on_blu"),
        lambda: gato_ros.load_policy("sawyer_mastry"),
    ):
        with pytest.raises(SetupError, match="did you mean"):
            call()


def test_an_episode_is_loaded():
    episode = gato_ros.load_episode("tests/data/before_0_2/episode.mcap")
    assert episode.actions.shape == (len(episode.steps), 5) and np.isfinite(episode.actions).all()


class KnowsItsRobot:
    """A policy that was made for one contract, as weights are; the environment asks it for nothing else."""

    observation_keys = ("gripper/opening",)

    def __init__(self, name):
        self.contract = load_embodiment(name)


@pytest.mark.parametrize(
    ("asked", "made"), [(None, "panda_rgb_stacking"), ("sawyer_rgb_stacking", "sawyer_rgb_stacking")]
)
def test_a_world_is_that_of_the_policys_robot_unless_another_is_named(asked, made):
    env = gato_ros.make("rgb_stacking", policy=KnowsItsRobot("panda_rgb_stacking"), embodiment=asked)
    try:
        assert env.embodiment.name == made and set(env.observation_space) == {"gripper/opening"}
    finally:
        env.close()
