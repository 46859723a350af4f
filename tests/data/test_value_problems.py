"""What `verify` says of values: every channel, with its steps, whatever else is wrong with the file."""

import tracemalloc

import numpy as np
import pytest

from gato_ros.core.arm_action import ArmAction
from gato_ros.data import messages
from gato_ros.data.checks.problem import EXPORT, TRAINING
from gato_ros.data.checks.verification import inspect_episode, verify_episode
from gato_ros.data.episodes.mcap_channels import load_tracks
from gato_ros.data.episodes.writer import EpisodeWriter
from gato_ros.data.mcap_file import McapFile, as_text
from tests.data.recordings import FACTS, OPERATED, ROBOT, executed, label, observation, write


def problem(path, kind, channel=None):
    """The only problem of that kind, or of it in a channel."""
    found = [one for one in inspect_episode(path).problems if one.kind == kind and channel in (None, one.channel)]
    assert len(found) == 1, found
    return found[0]


def spoilt(values, key, place, bad):
    if key in values:
        values[key][place] = bad


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("key", sorted(key for key, one in ROBOT.observations.items() if one.kind != "image"))
def test_a_value_that_is_not_finite_is_named_with_its_step(tmp_path, key, bad):
    path = write(tmp_path, change=lambda step, values: step in (3, 4) and spoilt(values, key, -1, bad))
    found = problem(path, "not_finite", key)
    assert found.steps == (3, 4) and f"{key}: not finite at 2 steps: 3-4" in found.text
    assert found.forbids(TRAINING) and found.forbids(EXPORT)


@pytest.mark.parametrize("place", range(5))
def test_an_action_that_is_not_finite_is_named(tmp_path, place):
    def action(step):
        vector = label(step).as_vector()
        vector[place] = np.nan if step == 7 else vector[place]
        return ArmAction.from_vector(vector)

    path = write(tmp_path, action=action)
    assert problem(path, "not_finite").channel == "action" and problem(path, "not_finite").steps == (7,)
    with EpisodeWriter(tmp_path, "executed", ROBOT, FACTS) as writer:
        for step in range(12):
            writer.add(step, observation(step), executed(step), action(step))
        done = writer.close({"success": True})
    assert problem(done, "not_finite").channel == "executed" and problem(done, "not_finite").steps == (7,)


def test_privileged_values_that_are_not_finite_are_named(tmp_path):
    path = write(tmp_path, privileged=lambda step: {"privileged/pose": np.array([1.0, np.nan if step == 2 else 0.0])})
    assert (
        problem(path, "not_finite").text == "privileged/pose: not finite at 1 step: 2 (step 2: privileged/pose[1] nan)"
    )


@pytest.mark.parametrize("place", range(5))
@pytest.mark.parametrize("factor", [7.0, 1.2])
def test_labels_out_of_range_are_named_with_value_and_range(tmp_path, place, factor):
    most = ROBOT.action_upper[place]

    def action(step):
        vector = label(step).as_vector()
        vector[place] = factor * most if 5 <= step < 8 else vector[place]
        return ArmAction.from_vector(vector)

    found = problem(write(tmp_path, action=action), "label_range")
    assert found.steps == (5, 6, 7) and f"{factor * most:.6g} of" in found.text and found.forbids(TRAINING)


def test_labels_at_the_bound_or_rounded_are_no_problem(tmp_path):
    most = np.float32(ROBOT.action_upper).astype(float) * (1 + 1e-6)
    least = np.append(-most[:4], 0.0)
    path = write(tmp_path, action=lambda step: ArmAction.from_vector(most if step % 2 else least))
    assert verify_episode(path) == []


def test_observations_out_of_range_are_worth_knowing_only(tmp_path):
    path = write(tmp_path, change=lambda step, values: spoilt(values, "sawyer/joints/angle", 2, 9.0))
    found = problem(path, "value_range")
    assert "sawyer/joints/angle/right_j2 9 of -3.0426 to 3.0426" in found.text and "at 12 steps: 0-11" in found.text
    assert len(found.steps) == 5 and not found.forbids(TRAINING) and not found.forbids(EXPORT)


def test_a_discrete_value_between_two_numbers_is_named(tmp_path):
    path = write(tmp_path, change=lambda step, values: step == 1 and spoilt(values, "gripper/grasp", 0, 0.5))
    assert problem(path, "value_range").steps == (1,)


def rewritten(path, folder, change):
    """The episode with each message as `change(topic, step, data)` leaves it."""
    tracks = load_tracks(path, "", "")
    file = McapFile(folder, "changed", "episode")
    for name, record in tracks.metadata.items():
        file.add_metadata(name, as_text(record))
    for topic, track in tracks.tracks.items():
        for step, stamp_ns, data in zip(track.steps, track.stamps_ns, track.data):
            file.add(topic, track.message_type, change(topic, step, data), stamp_ns, step, track.metadata)
    return file.close()


def test_pictures_of_another_size_are_named(tmp_path):
    camera = ROBOT.channel("basket_front_right/pixels").topic
    small = messages.image(np.zeros((64, 96, 3), np.uint8), 0, "x")
    path = rewritten(
        write(tmp_path), tmp_path, lambda topic, step, data: small if topic == camera and step > 9 else data
    )
    found = problem(path, "image_size")
    assert found.steps == (10, 11) and "not the contract's 128x128" in found.text and "96x64" in found.text
    assert found.forbids(TRAINING) and found.channel == "basket_front_right/pixels"


def test_messages_that_cannot_be_read_are_named_and_the_rest_is_checked(tmp_path):
    path = write(tmp_path, change=lambda step, values: step == 3 and spoilt(values, "gripper/grasp", 0, np.nan))
    broken = lambda topic, step, data: b"\0\1" if topic == "executed/twist" and step == 5 else data  # noqa: E731
    path = rewritten(path, tmp_path, broken)
    assert problem(path, "unreadable").steps == (5,) and problem(path, "unreadable").channel == "executed/twist"
    assert problem(path, "not_finite").steps == (3,)


def test_one_finding_hides_no_other(tmp_path):
    """A dropped step, NaN, a label out of range, a wrong rate, skew, and a sensor without stamps, all at once."""

    def action(step):
        return ArmAction(np.array([0.49 if step == 8 else 0.0, 0, 0, 0]), 0.0)

    raw = [("/joint_states", messages.JOINT_STATE, messages.joint_state(["a"], 0, np.zeros(1)), ns) for ns in range(5)]
    path = write(
        tmp_path,
        steps=[step for step in range(20) if step != 6],
        facts=OPERATED,
        outcome={"success": True, "steps": 20},
        stamp_s=lambda step: step / 10,
        action=action,
        change=lambda step, values: step == 3 and spoilt(values, "gripper/grasp", 0, np.nan),
        stamps_s=lambda step: {key: step / 10 + 0.3 * (key > "basket_front_m") for key in ROBOT.image_keys},
        raw=raw,
    )
    found = inspect_episode(path).problems
    assert {one.kind for one in found} == {"dropped", "rate", "not_finite", "label_range", "skew", "clock"}
    assert verify_episode(path) == [one.text for one in found] and len(found) == 6


def test_what_repeats_is_summed_up(tmp_path):
    path = write(
        tmp_path, "x", range(300), rendered=lambda step: False, action=lambda step: ArmAction(np.full(4, 0.5), 0.0)
    )
    (text,) = verify_episode(path)
    assert "at 300 steps: 0-299" in text and text.count("step ") == 5 and len(text) < 400


def test_an_episode_of_another_layout_is_named(tmp_path):
    path = write(tmp_path)
    values = {"gripper/opening": np.zeros(3, np.float32), "other/thing": np.zeros(2, np.float32)}
    strange = messages.labelled_array(messages.FLOAT32_ARRAY, values)
    path = rewritten(path, tmp_path, lambda topic, step, data: strange if topic == "aligned/observation" else data)
    contract = [one for one in inspect_episode(path).problems if one.kind == "contract"]
    assert {one.channel for one in contract} == {"gripper/opening", "other/thing"}
    assert all(one.forbids(TRAINING) for one in contract)


def test_memory_of_the_check_is_flat(tmp_path):
    """Of the pictures nothing stays; of each message three numbers do."""
    peaks = []
    verify_episode(write(tmp_path, "warm", range(3)))
    for count in (60, 150):
        path = write(tmp_path, f"long{count}", range(count), FACTS)
        tracemalloc.start()
        assert verify_episode(path) == []
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # A picture of the longer episode is 0.1 MB: 90 steps more would be 9 MB a camera.
    assert peaks[1] < peaks[0] + 8e6
