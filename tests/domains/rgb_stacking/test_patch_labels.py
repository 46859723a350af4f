"""What each patch is asked about: against the pictures themselves, and against a reflected world."""

import numpy as np
import pytest

from gato_ros.domains.rgb_stacking.patch_labels import OF_EACH, PATCH_NAMES, patch_labels
from gato_ros.domains.rgb_stacking.supervision import camera_views
from gato_ros.embodiments import load_embodiment
from gato_ros.models.layout import token_layout
from gato_ros.models.presets import PRESETS
from gato_ros.sim.env import PRIVILEGED_KEYS, RgbStackingEnv
from gato_ros.sim.grasp import object_faces

KEYS = ("basket_front_left/pixels", "basket_front_right/pixels")
LAYOUT = token_layout(load_embodiment().spec, PRESETS["sawyer_small"])


@pytest.fixture(scope="module")
def seen():
    """Six starts of three cubes and the same six reflected in y = 0: pictures [12 2 h w 3] and privileged values."""
    env = RgbStackingEnv("cubes", privileged=PRIVILEGED_KEYS)
    observations = []
    for reflected in (False, True):
        for seed in range(6):
            env.start(seed)
            world = env.world
            assert world.put_tool(np.array([0.6, 0.0, 0.26]), 0.0, 0.085)
            for colour in ("red", "green", "blue") if reflected else ():
                prop = world.prop(colour)
                x, y, z, w = prop.quat_xyzw
                world.put_prop(colour, prop.position * [1, -1, 1], np.array([-x, y, -z, w]))
            observations.append(env.observe())
    env.close()
    pictures = np.stack([[one.values[key] for key in KEYS] for one in observations])
    privileged = {key: np.stack([one.privileged[key] for one in observations]) for key in PRIVILEGED_KEYS}
    return pictures, privileged


@pytest.fixture(scope="module")
def found(seen):
    return patch_labels(seen[1], object_faces(), camera_views(LAYOUT), LAYOUT)


def test_an_object_is_where_its_colour_is(seen, found):
    right = total = 0
    for frame in range(12):
        for camera in range(2):
            for number, channel in enumerate((0, 1, 2)):
                patch = found.patch[frame, camera, number]
                if patch < 0:
                    continue
                row, column = divmod(int(patch), found.grid[1])
                across, down = found.values[frame, camera, number, :2]
                assert -0.5 <= across < 0.5 and -0.5 <= down < 0.5
                pixel = seen[0][frame, camera, int(32 * (row + 0.5 + down)), int(32 * (column + 0.5 + across))]
                right, total = right + (int(pixel.argmax()) == channel and pixel.max() > 100), total + 1
    assert total > 60 and right > 0.8 * total  # an object may stand behind another


def test_the_mirror_is_the_reflected_world(found):
    rows = np.arange(6)
    mirrored, weights = found.targets(rows, rows)
    reflected, same_weights = found.targets(rows + 6)
    assert mirrored.shape == (6, LAYOUT.patches, len(PATCH_NAMES))
    close = np.abs(mirrored - reflected).max((1, 2)) < 0.05
    # A centre on the border of two patches may fall to either side.
    assert close.sum() >= 5
    np.testing.assert_array_equal(weights[close], same_weights[close])
    assert np.abs(found.targets(rows)[0] - reflected).max() > 0.3


def test_what_looks_alike_has_like_numbers(found):
    """A cube that is turned with its line of sight keeps its harmonics; they are of length one where it lies flat."""
    targets, weights = found.targets(np.arange(12))
    four = [OF_EACH.index("sin4"), OF_EACH.index("cos4")]
    lengths = np.linalg.norm(targets[..., four], axis=-1)[weights[..., four[0]] > 0]
    assert np.median(lengths) > 0.99 and (weights[..., 0] == 1).all()
    seen_in_all = targets.reshape(12, 2, -1, 3, len(OF_EACH))[..., 0].sum(2)
    assert seen_in_all.max() == 1


def test_seen_from_two_sides_the_harmonics_differ_by_the_angle_between(found, seen):
    both = np.flatnonzero((found.patch[:, :, 0] >= 0).all(1))
    left, right = found.values[both, 0, 0], found.values[both, 1, 0]
    eyes = [view.position for view in camera_views(LAYOUT).values()]
    red = seen[1]["privileged/red/pose"][both, :2]
    angle = [np.arctan2(red[:, 1] - eye[1], red[:, 0] - eye[0]) for eye in eyes]
    phase = [np.arctan2(one[:, 4], one[:, 5]) for one in (left, right)]
    turned = np.angle(np.exp(1j * (phase[0] - phase[1] + 4 * (angle[0] - angle[1]))))
    assert len(both) >= 6
    np.testing.assert_allclose(turned, 0, atol=1e-3)
