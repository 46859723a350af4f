"""Images, joint states and observations as they come off the wire."""

import array
import subprocess
import sys

import numpy as np
import pytest
from sensor_msgs.msg import Image, JointState

from gato_ros.core.errors import SetupError
from gato_ros.core.timing.freshness import Instant, Sample
from gato_ros.embodiments import load_embodiment
from gato_ros.nodes.messages.image import ImageRefused, message_from_rgb, rgb_from_message
from gato_ros.nodes.messages.joint_state import (
    JointsRefused,
    arm_velocity_command,
    gripper_opening_command,
    values_by_name,
)
from gato_ros.nodes.policy.observation_assembler import GRIPPER, JOINTS, ObservationAssembler

ROBOT = load_embodiment()
PICTURE = np.random.default_rng(0).integers(0, 256, (6, 5, 3), dtype=np.uint8)


def image(pixels: np.ndarray, encoding: str, padding: int = 0) -> Image:
    height, width = pixels.shape[:2]
    rows = np.concatenate([pixels.reshape(height, -1), np.full((height, padding), 99, np.uint8)], axis=1)
    data = array.array("B", rows.tobytes())
    return Image(height=height, width=width, encoding=encoding, step=rows.shape[1], data=data)


def test_a_picture_survives_the_wire():
    assert np.array_equal(rgb_from_message(message_from_rgb(PICTURE, "camera"), 6, 5), PICTURE)


@pytest.mark.parametrize("padding", [0, 7])
@pytest.mark.parametrize("encoding", ["rgb8", "bgr8", "rgba8", "bgra8", "mono8"])
def test_encodings_and_row_padding_are_respected(encoding, padding):
    alpha = np.full((6, 5, 1), 200, np.uint8)
    pixels = {
        "rgb8": PICTURE,
        "bgr8": PICTURE[:, :, ::-1],
        "rgba8": np.dstack([PICTURE, alpha]),
        "bgra8": np.dstack([PICTURE[:, :, ::-1], alpha]),
        "mono8": PICTURE[:, :, :1],
    }[encoding]
    wanted = np.repeat(PICTURE[:, :, :1], 3, axis=2) if encoding == "mono8" else PICTURE
    got = rgb_from_message(image(pixels, encoding, padding), 6, 5)
    assert got.dtype == np.uint8 and got.shape == (6, 5, 3) and np.array_equal(got, wanted)


@pytest.mark.fault("S4")
@pytest.mark.parametrize(
    "change, complaint",
    [
        ({"height": 7}, "5x7 pixels, expected 5x6"),
        ({"width": 4}, "4x6"),
        ({"step": 14}, "too short"),
        ({"step": 16}, "bytes of data"),
        ({"encoding": "rgba8"}, "too short"),
        ({"encoding": ""}, "encoding"),
        ({"data": array.array("B", b"123")}, "3 bytes of data"),
        ({"encoding": "bayer_rgbg8"}, "bayer_rgbg8"),
        ({"encoding": "mono8", "step": 600, "data": array.array("B", bytes(3600))}, "of another encoding than mono8"),
    ],
)
def test_what_the_contract_does_not_promise_is_refused(change, complaint):
    message = image(PICTURE, "rgb8")
    for field, value in change.items():
        setattr(message, field, value)
    with pytest.raises(ImageRefused, match=complaint):
        rgb_from_message(message, 6, 5)


def test_reading_images_loads_no_opencv():
    code = "import sys, gato_ros.nodes.messages.image; print('cv2' in sys.modules, 'cv_bridge' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["False", "False"]


@pytest.mark.fault("S7")
def test_joints_are_matched_by_name():
    message = JointState(name=["c", "a", "b"], position=[3.0, 1.0, 2.0])
    assert values_by_name(message, "position", ["a", "c"], closed=False).tolist() == [1.0, 3.0]


@pytest.mark.fault("S7")
@pytest.mark.parametrize(
    "names, values, closed, complaint",
    [
        (["a"], [1.0], False, "no position of b"),
        (["a", "b"], [1.0], False, "2 names but 1"),
        (["a", "b", "b"], [1.0, 2.0, 3.0], False, "doubled"),
        (["a", "b", "x"], [1.0, 2.0, 3.0], True, "unknown joints x"),
    ],
)
def test_joint_sets_that_do_not_fit_are_refused(names, values, closed, complaint):
    with pytest.raises(JointsRefused, match=complaint):
        values_by_name(JointState(name=names, position=values), "position", ["a", "b"], closed=closed)


KEYS = (
    "basket_front_left/pixels",
    "basket_front_right/pixels",
    "gripper/grasp",
    "gripper/opening",
    "sawyer/joints/angle",
    "sawyer/joints/velocity",
    "sawyer/pinch/pose",
    "sawyer/tcp/pose",
)


def offer_all(assembler: ObservationAssembler, stamp_s: float, received_s: float, angle: float = 0.0) -> None:
    for key in KEYS[:2]:
        assembler.offer(key, Sample(np.full((128, 128, 3), 7, np.uint8), stamp_s, received_s))
    offer_joints(assembler, stamp_s, received_s, angle)
    assembler.offer(GRIPPER, Sample(np.array([[0.03], [12.0]]), stamp_s, received_s))


def offer_joints(assembler, stamp_s, received_s, angle) -> None:
    q = np.array(ROBOT.arm.posture_rad) + angle
    assembler.offer(JOINTS, Sample(np.array([q, np.zeros(7)]), stamp_s, received_s))


def test_commands_are_read_in_the_contract_s_order():
    names = ROBOT.arm.joints[::-1]
    message = JointState(name=names, velocity=[float(i) for i in range(len(names))])
    assert arm_velocity_command(message, ROBOT).tolist() == [float(i) for i in reversed(range(len(names)))]
    assert gripper_opening_command(JointState(name=[ROBOT.gripper.joint], position=[0.02]), ROBOT) == 0.02


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_command_that_is_not_finite_is_refused(value):
    velocity = [0.0] * (len(ROBOT.arm.joints) - 1) + [value]
    with pytest.raises(JointsRefused, match="a velocity is not finite"):
        arm_velocity_command(JointState(name=ROBOT.arm.joints, velocity=velocity), ROBOT)
    with pytest.raises(JointsRefused, match="the opening is not finite"):
        gripper_opening_command(JointState(name=[ROBOT.gripper.joint], position=[value]), ROBOT)


def test_an_observation_has_the_contract_s_shapes_and_the_simulator_s_values():
    from gato_ros.sim.env import RgbStackingEnv

    env = RgbStackingEnv("cubes", observation_keys=KEYS)
    env.reset(seed=1)
    expected, world = env.observe().values, env.world
    assembler = ObservationAssembler(ROBOT, KEYS, 0.05)
    for key in KEYS[:2]:
        assembler.offer(key, Sample(world.render(key), 5.0, 1.0))
    assembler.offer(JOINTS, Sample(np.array([world.joint_positions, world.joint_velocities]), 5.0, 1.0))
    assembler.offer(GRIPPER, Sample(np.array([[world.gripper_opening_m], [world.gripper_effort_n]]), 5.0, 1.0))
    assert assembler.faults(Instant(1.0, 5.0)) == ()
    observation = assembler.observation()
    assert set(observation.values) == set(expected) and not observation.privileged
    for key, value in expected.items():
        assert observation.values[key].dtype == value.dtype and observation.values[key].shape == value.shape
        assert np.array_equal(observation.values[key], value), key
    env.close()


def test_joints_are_taken_from_the_instant_of_the_oldest_image():
    assembler = ObservationAssembler(ROBOT, KEYS, 0.05)
    offer_all(assembler, 5.0, 1.0, angle=0.1)
    offer_joints(assembler, 5.01, 1.01, angle=0.2)
    offer_joints(assembler, 5.02, 1.02, angle=0.3)
    observation = assembler.observation()
    assert observation.stamp_s == 5.0
    assert observation.values["sawyer/joints/angle"] == pytest.approx(np.array(ROBOT.arm.posture_rad) + 0.1, abs=1e-6)


def test_stale_missing_and_future_inputs_are_named():
    assembler = ObservationAssembler(ROBOT, KEYS, 0.05)
    assert "missing joint_states" in assembler.faults(Instant(1.0, 5.0))
    offer_all(assembler, 5.0, 1.0)
    assert assembler.faults(Instant(1.09, 5.09)) == ()
    assert assembler.faults(Instant(1.12, 5.12)) == ("stale joint_states",)
    assert len(assembler.faults(Instant(1.3, 5.3))) == 4
    assert "future_stamp joint_states" in assembler.faults(Instant(1.0, 4.0))
    assembler.clear()
    assert len(assembler.faults(Instant(1.0, 5.0))) == 4


@pytest.mark.fault("S12", "T8")
def test_what_repeats_or_precedes_is_dropped_until_a_clock_was_set_back():
    assembler = ObservationAssembler(ROBOT, KEYS, 0.05)
    offer_all(assembler, 5.0, 1.0, angle=0.1)
    for stamp_s in (5.0, 4.9):  # at once: they were under way before
        offer_all(assembler, stamp_s, 1.01, angle=0.2)
    assert assembler.repeated == 8 and assembler.image_stamps() == (5.0, 5.0)
    # The same stamp for ever is a clock that stands still; earlier ones that keep coming are a clock set back.
    offer_all(assembler, 5.0, 2.0)
    assert len(assembler.faults(Instant(2.0, 5.0))) == 4
    offer_all(assembler, 3.0, 2.0, angle=0.3)
    assert assembler.faults(Instant(2.0, 3.0)) == ()
    assert assembler.observation().values["sawyer/joints/angle"][0] == pytest.approx(ROBOT.arm.posture_rad[0] + 0.3)


@pytest.mark.fault("S11")
def test_instants_that_lie_apart_are_named():
    assembler = ObservationAssembler(ROBOT, KEYS, 0.05)
    offer_all(assembler, 5.0, 1.0)
    for name in (KEYS[1], JOINTS):
        value = np.zeros((128, 128, 3), np.uint8) if name == KEYS[1] else np.zeros((2, 7))
        assembler.offer(name, Sample(value, 5.12, 1.12))
    assembler.offer(GRIPPER, Sample(np.array([[0.03], [12.0]]), 5.12, 1.12))
    assert assembler.faults(Instant(1.13, 5.13)) == ("out_of_sync by 120 ms",)


@pytest.mark.fault("M9")
def test_an_implausible_value_keeps_the_observation_back_until_it_is_gone():
    assembler = ObservationAssembler(ROBOT, KEYS, 0.05)
    found = []
    rng = np.random.default_rng(0)
    for tick, opening_m in enumerate([1e6] * 5 + [0.05]):
        stamp_s, received_s = 5.0 + 0.05 * tick, 1.0 + 0.05 * tick
        for key in KEYS[:2]:
            assembler.offer(key, Sample(rng.integers(0, 256, (128, 128, 3), np.uint8), stamp_s, received_s))
        offer_joints(assembler, stamp_s, received_s, 0.0)
        assembler.offer(GRIPPER, Sample(np.array([[opening_m], [0.0]]), stamp_s, received_s))
        found.append(assembler.observe(Instant(received_s, stamp_s))[1])
    assert found == [()] * 3 + [("implausible gripper/opening",)] * 2 + [()]


def test_a_policy_that_needs_ground_truth_is_refused():
    with pytest.raises(SetupError, match="ground truth"):
        ObservationAssembler(ROBOT, ("privileged/red/pose",), 0.05)
    with pytest.raises(SetupError, match="did you mean"):
        ObservationAssembler(ROBOT, ("gripper/openning",), 0.05)
