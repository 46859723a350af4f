"""`train --init` with weights of another arm: what both have is taken, by name, and the rest starts at random."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gato_ros.core.errors import SetupError
from gato_ros.domains.rgb_stacking.training_model import training_model
from gato_ros.embodiments import load_embodiment
from gato_ros.evaluation.training_run.another_arm import weights_of_another_arm
from gato_ros.models.layout import BINS, CONTINUOUS_START, token_layout
from gato_ros.models.parameters import init
from gato_ros.models.weights import load_weights, save_weights

PRESET = "sawyer_small"


def layout_of(name):
    robot = load_embodiment(name)
    return token_layout(robot.spec, training_model(PRESET, robot, ()))


def item(layout, key):
    return next(item for item in layout.items if item.key == key)


@pytest.fixture(scope="module")
def sawyer(tmp_path_factory):
    """Weights of the Sawyer with every row of its own value."""
    robot = load_embodiment()
    model = training_model(PRESET, robot, ()).deployed()
    params = init(jax.random.key(5), model, token_layout(robot.spec, model))
    for key in ("local_position", "action_position"):
        rows, width = params[key].shape
        params[key] = jnp.broadcast_to(jnp.arange(1000.0, 1000.0 + rows)[:, None], (rows, width))
    folder = tmp_path_factory.mktemp("sawyer")
    save_weights(folder, params, model, robot)
    return folder


def taken(folder, name):
    robot = load_embodiment(name)
    return weights_of_another_arm(folder, training_model(PRESET, robot, ()), robot, seed=0)


def test_actions_go_where_this_arm_has_them(sawyer, capsys):
    """The UR5e's are vx vy vz wx wy wz and an opening, the Sawyer's vx vy vz wz and an opening."""
    rows = np.asarray(taken(sawyer, "ur5e_rgb_stacking")["action_position"])
    assert rows[[0, 1, 2, 5, 6], 0].tolist() == [1000, 1001, 1002, 1003, 1004]
    assert np.abs(rows[3:5]).max() < 10  # drawn, as in a training from nothing
    assert "actions vx_m_s, vy_m_s, vz_m_s, wz_rad_s, gripper_opening_m; at random: wx_rad_s, wy_rad_s" in (
        capsys.readouterr().out
    )


def test_observations_go_where_this_arm_has_them(sawyer):
    """The SO-101's second camera is its last observation, the Sawyer's comes second."""
    rows = np.asarray(taken(sawyer, "so101_rgb_stacking")["local_position"])[:, 0]
    had, has = layout_of("sawyer_rgb_stacking"), layout_of("so101_rgb_stacking")
    pairs = {
        "front/pixels": "basket_front_left/pixels",
        "wrist/pixels": "basket_front_right/pixels",
        "gripper/grasp": "gripper/grasp",
        "gripper/opening": "gripper/opening",
        "so101/pinch/pose": "sawyer/pinch/pose",
    }
    assert [one.key for one in has.items] == sorted(pairs)
    for new, old in pairs.items():
        to, of = item(has, new), item(had, old)
        assert to.tokens == of.tokens
        first = 1000 + of.first
        assert rows[to.first : to.first + to.tokens].tolist() == list(range(first, first + of.tokens))


def test_all_else_is_as_it_was(sawyer):
    own = load_embodiment()
    given = taken(sawyer, "ur5e_rgb_stacking")
    model = training_model(PRESET, own, ()).deployed()
    wanted = init(jax.random.key(5), model, token_layout(own.spec, model))
    for params in (given, wanted):
        del params["local_position"], params["action_position"]
    jax.tree.map(np.testing.assert_array_equal, given, wanted)


def test_weights_without_text_start_one_that_reads_its_task(sawyer):
    """Numbers move behind the words; words, and the places of the text in a step, are zero."""
    robot = load_embodiment("sawyer_rgb_stacking_told")
    model = training_model(PRESET, robot, ("task/text",))
    given, had = weights_of_another_arm(sawyer, model, robot, seed=0), load_weights(sawyer, load_embodiment())
    layout, words = token_layout(robot.spec, model), had.config.text_rows
    numbers = np.asarray(had.params["table"])[words : words + BINS]
    assert numbers.std() > 0 and model.text_rows == CONTINUOUS_START > words
    np.testing.assert_array_equal(given["table"][CONTINUOUS_START : CONTINUOUS_START + BINS], numbers)
    np.testing.assert_array_equal(given["table"][:words], had.params["table"][:words])
    assert not np.asarray(given["table"][words:CONTINUOUS_START]).any()
    text = item(layout, "task/text")
    assert text.tokens == 12 and not np.asarray(given["local_position"][text.first : text.first + 12]).any()


def test_weights_of_the_same_arm_are_none_of_another(sawyer):
    assert taken(sawyer, "sawyer_rgb_stacking") is None


def test_a_wrong_start_is_refused(sawyer, tmp_path):
    robot = load_embodiment("ur5e_rgb_stacking")
    with pytest.raises(SetupError, match="another feed_forward"):
        weights_of_another_arm(sawyer, replace(training_model(PRESET, robot, ()), feed_forward=256), robot, 0)
    elsewhere = load_embodiment().model_copy(update={"name": "nobody_has_this"})
    model = training_model(PRESET, elsewhere, ()).deployed()
    save_weights(tmp_path, init(jax.random.key(0), model, token_layout(elsewhere.spec, model)), model, elsewhere)
    with pytest.raises(SetupError, match="nobody_has_this"):
        weights_of_another_arm(tmp_path, training_model(PRESET, robot, ()), robot, 0)
