"""Training of the controls that see ground truth: no pixels, the same mirror, refused without its data."""

from dataclasses import replace

import numpy as np
import pytest

from gato_ros.core.arm_action import ArmAction
from gato_ros.core.errors import SetupError
from gato_ros.data.frames import make_frames
from gato_ros.domains.rgb_stacking.privileged import mirror_privileged
from gato_ros.domains.rgb_stacking.supervision import StackingSupervision
from gato_ros.domains.robot_presets import ROBOT_PRESETS
from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.privileged import PLAN, contract_for, privileged_values
from gato_ros.models.layout import token_layout
from gato_ros.models.tokenizer import decode
from gato_ros.sim.env import PRIVILEGED_KEYS, RgbStackingEnv
from gato_ros.sim.expert import StackingExpert
from gato_ros.training.examples import Examples


def observe(position, yaw, reflect):
    env = RgbStackingEnv("cubes", privileged=PRIVILEGED_KEYS)
    env.start(seed=3)
    if reflect:
        for colour in ("red", "green", "blue"):
            prop = env.world.prop(colour)
            x, y, z, w = prop.quat_xyzw
            env.world.put_prop(colour, prop.position * [1, -1, 1], np.array([-x, y, -z, w]))
    assert env.world.put_tool(np.array(position), yaw, 0.085)
    observation = StackingExpert(env.embodiment).with_plan(env.observe())
    env.close()
    return observation


@pytest.fixture(scope="module")
def pair():
    """One observation, and that of the world reflected in y = 0."""
    return observe([0.6, 0.03, 0.15], 0.3, False), observe([0.6, -0.03, 0.15], -0.3, True)


def layout_of(preset):
    config = ROBOT_PRESETS[preset]
    return token_layout(contract_for(load_embodiment(), config.observation_keys).spec, config)


def test_the_mirror_of_ground_truth_is_ground_truth_of_the_mirrored_world(pair):
    keys = ROBOT_PRESETS["sawyer_plan"].observation_keys
    before, after = (privileged_values(keys, one.privileged) for one in pair)
    assert len(before) == 4
    mirrored = mirror_privileged({key: np.stack([value, value]) for key, value in before.items()}, np.array([0]))
    for key, value in mirrored.items():
        np.testing.assert_allclose(value[0], after[key], atol=2e-3, err_msg=key)
        np.testing.assert_array_equal(value[1], before[key])
    moved = [key for key in before if np.abs(before[key] - after[key]).max() > 0.01]
    assert len(moved) == 4, "a reflection that changes nothing would prove nothing"


@pytest.mark.parametrize("preset", ["sawyer_state", "sawyer_plan"])
def test_batches_hold_the_poses_and_read_no_pixels(pair, preset):
    frames = make_frames(load_embodiment().image_keys, [(one, ArmAction(np.full(4, 0.01), 0.0)) for one in pair])
    frames = replace(frames, images=(b"not an image",) * len(frames))
    layout = layout_of(preset)
    examples = Examples.of(frames, layout, StackingSupervision())
    assert examples.can_mirror
    batch = examples.batch(np.array([1, 0]), np.array([0]))
    assert batch.tokens.patches.shape[:2] == (2, 0)
    items = {item.key: item for item in layout.vectors}
    start = sum(item.tokens for item in layout.vectors[: list(items).index("privileged/red/cube_pose")])
    red = decode(layout, items["privileged/red/cube_pose"], batch.tokens.ids[:, start : start + 5])
    truth = pair[0].privileged["privileged/red/pose"]
    # Row 0 is the mirrored world, mirrored back.
    np.testing.assert_allclose(red[:, :3], np.stack([truth[:3]] * 2), atol=1e-3)


def test_data_without_the_plan_is_refused_by_the_preset_that_needs_it(pair):
    frames = make_frames(load_embodiment().image_keys, [(one, ArmAction(np.zeros(4), 0.0)) for one in pair])
    frames = replace(frames, privileged={key: value for key, value in frames.privileged.items() if key != PLAN})
    Examples.of(frames, layout_of("sawyer_state"), StackingSupervision())
    with pytest.raises(SetupError, match="collect the data again"):
        Examples.of(frames, layout_of("sawyer_plan"), StackingSupervision())
