"""Silent gaps: whatever was dropped, and wherever, `verify` finds every one."""

import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gato_ros.core.arm_action import ArmAction
from gato_ros.data import messages
from gato_ros.data.checks.gaps import gaps_in_time, header_stamps_s, missing_numbers, usual_period_s
from gato_ros.data.checks.verification import spans, verify_episode
from gato_ros.data.episodes.episode import EpisodeWriter
from gato_ros.data.episodes.mcap_channels import load_tracks
from gato_ros.data.mcap_file import McapFile, as_text
from tests.data.recordings import FACTS, OPERATED, ROBOT, observation, write

LENGTH = 40
SOME = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A recorded episode: all steps rendered, notes of each tick, and joint states at their own 100 Hz."""
    states = [
        ("/joint_states", messages.JOINT_STATE, messages.joint_state(ROBOT.arm.joints, ns, np.zeros(7)), ns)
        for ns in range(0, LENGTH * 50_000_000, 10_000_000)
    ]
    path = write(
        tmp_path_factory.mktemp("whole"),
        "whole",
        range(LENGTH),
        OPERATED,
        {"success": True, "steps": LENGTH},
        source=lambda step: "human",
        raw=states,
    )
    assert verify_episode(path) == []
    return path


def rewritten(whole, folder, keep, renumber=False):
    """The episode with the messages that `keep(topic, place)` keeps; `renumber` hides that any are missing."""
    tracks = load_tracks(whole, "an episode", "")
    file = McapFile(folder, "less", "episode")
    file.path.unlink(missing_ok=True)
    for name, record in tracks.metadata.items():
        if name == "outcome" and renumber:
            record = {"success": True}
        file.add_metadata(name, as_text(record))
    for topic, track in tracks.tracks.items():
        left = [place for place in range(len(track.data)) if keep(topic, place)]
        for number, place in enumerate(left):
            file.add(
                topic,
                track.message_type,
                track.data[place],
                track.stamps_ns[place],
                number if renumber else track.steps[place],
                track.metadata,
            )
    return file.close()


def five_percent(count):
    """Places of a twentieth of `count` messages, at least one."""
    most = max(1, round(count / 20))
    return st.sets(st.integers(0, count - 1), min_size=most, max_size=most)


@pytest.mark.fault("R3")
@SOME
@given(
    lost=five_percent(LENGTH),
    topic=st.sampled_from(
        [
            "camera/basket_front_left/image_raw",
            "camera/basket_front_right/image_raw",
            "joint_states",
            "proposal/twist",
            "executed/gripper",
            "aligned/tick",
        ]
    ),
)
def test_every_frame_that_one_channel_lost_is_named(whole, tmp_path_factory, lost, topic):
    path = rewritten(whole, tmp_path_factory.mktemp("less"), lambda name, place: name != topic or place not in lost)
    problems = verify_episode(path)
    assert problems == [f"{topic} dropped at {len(lost)} steps: {spans(lost)}"]


@pytest.mark.fault("R3")
@SOME
@given(lost=five_percent(LENGTH))
def test_every_picture_that_all_cameras_lost_is_named(whole, tmp_path_factory, lost):
    path = rewritten(
        whole, tmp_path_factory.mktemp("less"), lambda name, place: not name.startswith("camera") or place not in lost
    )
    assert verify_episode(path) == [
        f"camera/basket_front_{side}/image_raw dropped at {len(lost)} steps: {spans(lost)}"
        for side in ("left", "right")
    ]


@pytest.mark.fault("R3")
@SOME
@given(lost=five_percent(LENGTH))
def test_every_step_that_is_missing_altogether_is_named(whole, tmp_path_factory, lost):
    path = rewritten(
        whole, tmp_path_factory.mktemp("less"), lambda name, place: name.startswith("/") or place not in lost
    )
    assert verify_episode(path) == [f"everything dropped at {len(lost)} steps: {spans(lost)}"]


@pytest.mark.fault("R3")
@SOME
@given(lost=st.sets(st.integers(1, LENGTH - 2), min_size=2, max_size=2))
def test_steps_that_were_numbered_anew_are_found_by_their_stamps(whole, tmp_path_factory, lost):
    path = rewritten(
        whole,
        tmp_path_factory.mktemp("less"),
        lambda name, place: name.startswith("/") or place not in lost,
        renumber=True,
    )
    (problem,) = verify_episode(path)
    assert problem.startswith("2 steps dropped that the numbers do not show")


@pytest.mark.fault("R3")
@SOME
@given(lost=st.sets(st.integers(5, 5 * LENGTH - 16), min_size=10, max_size=10))
def test_a_sensor_that_lost_messages_at_its_own_rate_is_found(whole, tmp_path_factory, lost):
    path = rewritten(
        whole, tmp_path_factory.mktemp("less"), lambda name, place: name != "/joint_states" or place not in lost
    )
    (problem,) = verify_episode(path)
    assert re.match(r"/joint_states: 10 messages dropped, after \d+\.\d\d s", problem)


@settings(max_examples=100, deadline=None)
@given(count=st.integers(8, 200), data=st.data(), period=st.floats(1e-3, 0.2), seed=st.integers(0, 999))
def test_every_hole_in_time_is_counted_whatever_the_jitter(count, data, period, seed):
    lost = data.draw(five_percent(count))
    jitter = np.random.default_rng(seed).uniform(-0.2, 0.2, count) * period
    stamps = np.array([place * period + jitter[place] for place in range(count) if place not in lost])
    gaps = gaps_in_time(stamps, period, 0.0, (count - 1) * period)
    assert gaps.total == len(lost)
    within = [place for place in lost if min(set(range(count)) - lost) < place < max(set(range(count)) - lost)]
    assert gaps_in_time(stamps, period).total == len(within)
    assert usual_period_s(stamps) == pytest.approx(period, rel=0.4)


@pytest.mark.parametrize(
    ("spans", "lost"),
    [
        ([1, 2.03, 0.1, 1], 0),
        ([1, 1.56, 0.42, 1], 0),
        ([1, 3.5, 0.1, 0.1, 0.3, 1], 0),
        ([1, 2, 1], 1),
        ([1, 3.03, 0.1, 1], 1),
        ([1, 1.6, 0.65, 1], 1),
    ],
)
def test_a_message_that_is_late_is_not_lost(spans, lost):
    assert gaps_in_time(0.01 * np.cumsum([0, *spans]), 0.01).total == lost


def test_what_is_missing_before_the_first_and_after_the_last_counts_where_the_number_is_known():
    assert missing_numbers([2, 3, 5], 8) == [0, 1, 4, 6, 7] and missing_numbers([0, 1]) == []
    assert missing_numbers([]) == [] and missing_numbers([], 2) == [0, 1]


def test_what_the_simulator_did_not_render_is_not_missing_but_a_lone_camera_is(tmp_path):
    assert (
        verify_episode(
            write(tmp_path, "some", facts={**FACTS, "image_share": 0.3}, rendered=lambda step: step % 3 == 0)
        )
        == []
    )
    path = write(tmp_path, "all", facts={**FACTS, "image_share": 1}, rendered=lambda step: step != 4)
    assert [problem.split(" dropped ")[1] for problem in verify_episode(path)] == ["at 1 steps: 4"] * 2


def test_another_rate_than_the_contracts_is_said(tmp_path):
    with EpisodeWriter(tmp_path, "slow", ROBOT, FACTS) as writer:
        for step in range(5):
            seen = observation(step)
            writer.add(
                step, type(seen)(seen.values, step / 10), ArmAction(np.zeros(4), 0.0), ArmAction(np.zeros(4), 0.0)
            )
        path = writer.close({"success": True})
    assert verify_episode(path) == ["recorded at 10 Hz, sawyer_rgb_stacking says 20 Hz"]


def test_messages_without_a_stamp_are_said(tmp_path):
    raw = [
        ("/joint_states", messages.JOINT_STATE, messages.joint_state(["a"], 0, np.zeros(1)), ns)
        for ns in range(0, 600_000_000, 50_000_000)
    ]
    assert verify_episode(write(tmp_path, raw=raw)) == ["/joint_states: 12 of 12 messages have no stamp"]


def test_header_stamps_are_those_of_the_messages():
    data = [messages.image(np.zeros((16, 16, 3), np.uint8), ns, "camera") for ns in (1, 2_500_000_000)]
    assert header_stamps_s(messages.IMAGE, data).tolist() == [1e-9, 2.5]
    assert header_stamps_s(messages.STRING, [messages.text("x")]) is None


def test_runs_of_numbers_are_short():
    assert spans([7, 2, 5, 6]) == "2, 5-7" and spans(range(0, 40, 2), 2) == "0, 2 ..."
