import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from gato_ros.core.errors import SetupError
from gato_ros.core.spec import ContinuousSpec, DiscreteSpec, ImageSpec, StepSpec, TextSpec
from gato_ros.domains.spaces import space_of, spaces_of, spec_of, step_spec_of
from gato_ros.embodiments import load_embodiment


@pytest.mark.parametrize(
    "spec",
    [
        ImageSpec(48, 64),
        ContinuousSpec((-1.0, 0.5), (1.0, 2.0), ("1", "1")),
        ContinuousSpec((-np.inf,), (np.inf,), ("1",)),
        DiscreteSpec(7),
        DiscreteSpec(3, 4),
    ],
)
def test_a_spec_comes_back_from_its_space(spec):
    assert spec_of(space_of(spec)) == spec


def test_units_and_tokens_are_lost_as_gymnasium_has_none():
    assert spec_of(space_of(ContinuousSpec((0.0,), (1.0,), ("m",)))) == ContinuousSpec((0.0,), (1.0,), ("1",))
    assert spec_of(space_of(TextSpec(16, 4))).size_bytes >= 16


def test_the_sawyer_has_spaces_whose_samples_fit():
    robot = load_embodiment()
    observations, actions = spaces_of(robot.spec)
    assert set(observations) == set(robot.observations) and list(actions) == ["gripper", "twist"]
    for key, value in observations.sample().items():
        assert np.asarray(value).size == int(np.prod(robot.spec.observation(key).shape))


def test_a_gymnasium_environment_gets_a_spec():
    env = gymnasium.make("CartPole-v1")
    spec = step_spec_of(env.observation_space, env.action_space)
    assert spec.actions["action"] == DiscreteSpec(2) and spec.observation("observation").shape == (4,)
    nested = spaces.Dict({"arm": spaces.Dict({"angle": spaces.Box(-3, 3, (2,))}), "grip": spaces.MultiBinary(2)})
    assert list(step_spec_of(nested, spaces.Discrete(2)).observations) == ["arm/angle", "grip"]


@pytest.mark.parametrize(
    "space",
    [
        spaces.Discrete(3, start=1),
        spaces.MultiDiscrete([2, 3]),
        spaces.Box(0, 1, (2, 2)),
        spaces.Box(0, 255, (8, 8, 1), np.uint8),
        spaces.Graph(spaces.Box(0, 1, (1,)), None),
    ],
)
def test_a_space_without_a_spec_is_refused(space):
    with pytest.raises(SetupError, match="a space of value"):
        spec_of(space)


def test_an_image_is_no_action():
    with pytest.raises(SetupError, match="an image"):
        StepSpec.of({}, {"paint": ImageSpec(8, 8)})
