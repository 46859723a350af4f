"""What `verify` says of time: rates, clocks that jump or stand, cameras that are apart; what an export makes of it."""

import numpy as np
import pytest

from gato_ros.core.errors import SetupError
from gato_ros.data import messages
from gato_ros.data.checks.pace import Pace, common_rate_hz
from gato_ros.data.checks.problem import EXPORT, TRAINING
from gato_ros.data.checks.verification import inspect_episode
from gato_ros.data.episodes.label import add_label, label_problems, labels_path
from gato_ros.data.exports.selection import select
from tests.data.recordings import OPERATED, ROBOT, write

CAMERA = "/sawyer/camera/basket_front_left/image_raw"


def problems(path, kind):
    return [one for one in inspect_episode(path).problems if one.kind == kind]


def pictures(stamps_s, receipts_s=None):
    """Raw messages of a camera with these stamps."""
    pixels = np.zeros((16, 16, 3), np.uint8)
    receipts_s = stamps_s if receipts_s is None else receipts_s
    return [
        (CAMERA, messages.IMAGE, messages.image(pixels, round(1e9 * stamp_s), "x"), round(1e9 * receipt_s))
        for stamp_s, receipt_s in zip(stamps_s, receipts_s)
    ]


@pytest.mark.parametrize(("stand", "text"), [(0.0, "stand at 3 steps: 6-8"), (-3.2, "go back at 1 step: 6, by up to")])
def test_a_clock_that_stands_or_goes_back_is_named(tmp_path, stand, text):
    jump = lambda step: 0.25 if stand == 0.0 and 5 <= step < 9 else step / 20 + (stand if step > 5 else 0)  # noqa: E731
    (found,) = problems(write(tmp_path, stamp_s=lambda step: 10 + jump(step)), "order")
    assert text in found.text and found.forbids(TRAINING) and found.forbids(EXPORT)


def test_a_simulated_clock_that_never_ran_is_named(tmp_path):
    (found,) = problems(write(tmp_path, stamp_s=lambda step: 0.0), "order")
    assert "stand at 11 steps: 1-11" in found.text
    with pytest.raises(SetupError, match="stamps stand"):
        select([tmp_path / "one.mcap"])


def test_a_clock_that_jumps_is_no_loss_of_thousands(tmp_path):
    path = write(tmp_path, stamp_s=lambda step: step / 20 + 3600.0 * (step > 5))
    (found,) = problems(path, "dropped")
    assert "the clock jumps" in found.text and "after step 5: 3600.05 s" in found.text and found.forbids(EXPORT)


def test_sensors_whose_clock_jumps_stands_or_is_another_are_named(tmp_path):
    even = np.arange(12) / 20
    cases = {
        "jumped": pictures(even + 5.0 * (even > 0.42), even),
        "stand 2 times": pictures(np.append(even[:10], even[9:10].repeat(2)), even),
        "3.2 s behind": pictures(100 + even, 103.2 + even),
        "3.2 s ahead of": pictures(100 + even, 96.8 + even),
    }
    for number, (text, raw) in enumerate(cases.items()):
        found = problems(write(tmp_path, f"n{number}", raw=raw), "clock")
        assert any(text in one.text and one.channel == CAMERA for one in found), (text, found)
        assert not any(one.forbids(TRAINING) for one in found)
    assert problems(write(tmp_path, "good", raw=pictures(even, even + 0.03)), "clock") == []


def test_a_camera_slower_than_control_is_named(tmp_path):
    (found,) = problems(write(tmp_path, raw=pictures(np.arange(8) / 10)), "sensor")
    assert found.channel == CAMERA and "10 Hz, control goes at 20 Hz" in found.text


def test_cameras_that_are_apart_are_named_with_their_steps(tmp_path):
    def apart(by_s):
        return lambda step: {key: step / 20 + by_s(step) * place for place, key in enumerate(ROBOT.image_keys)}

    (found,) = problems(write(tmp_path, "once", stamps_s=apart(lambda step: 0.15 * (step == 4))), "skew")
    assert found.text == "cameras more than 100 ms apart at 1 step: 4 (step 4: 150 ms)"
    (found,) = problems(write(tmp_path, "always", stamps_s=apart(lambda step: 0.08)), "skew")
    assert "more than 60 ms apart at 12 steps: 0-11" in found.text
    assert problems(write(tmp_path, "good", stamps_s=apart(lambda step: 0.045)), "skew") == []


@pytest.mark.parametrize("rate_hz", [5, 7.3, 10, 12.5, 15, 19, 19.9, 20, 24.7, 29.97, 30, 50, 59.94, 60])
@pytest.mark.parametrize("steps", [2, 5, 40])
def test_time_in_an_export_is_time_on_the_clock(tmp_path, rate_hz, steps):
    path = write(tmp_path, steps=range(steps), rendered=lambda step: False, stamp_s=lambda step: 3 + step / rate_hz)
    fps = select([path], images=False).fps
    assert abs((steps - 1) / fps / ((steps - 1) / rate_hz) - 1) <= 0.01
    assert isinstance(fps, int) or abs(round(rate_hz) / rate_hz - 1) > 0.009


@pytest.mark.parametrize("rate_hz", [5, 10, 15, 30, 60])
def test_another_rate_than_the_contracts_forbids_training_only(tmp_path, rate_hz):
    path = write(tmp_path, steps=range(20), rendered=lambda step: False, stamp_s=lambda step: step / rate_hz)
    (found,) = problems(path, "rate")
    assert f"recorded at {rate_hz} Hz" in found.text and found.forbids(TRAINING) and not found.forbids(EXPORT)


def test_episodes_of_two_rates_do_not_go_into_one_export(tmp_path):
    for number, rate_hz in enumerate((20, 10, 20, 10)):
        write(tmp_path, f"e{number}", stamp_s=lambda step, rate_hz=rate_hz: step / rate_hz)
    paths = sorted(tmp_path.glob("*.mcap"))
    with pytest.raises(SetupError, match=r"10 Hz: e1.mcap, e3.mcap; 20 Hz: e0.mcap, e2.mcap"):
        select(paths)
    assert (select(paths[::2]).fps, select(paths[1::2]).fps) == (20, 10)


def test_uneven_episodes_are_not_exported(tmp_path):
    random = np.random.default_rng(0).uniform(-0.4, 0.4, 60)
    cases = {
        "jitter": lambda step: (step + random[step]) / 20,
        "late": lambda step: (step + 1.3 * (step == 30)) / 20,
        "gap": lambda step: (step + (step > 30)) / 20,
        "bent": lambda step: step / 20 * (1 + step / 60),
    }
    for name, stamp_s in cases.items():
        path = write(tmp_path, name, range(60), rendered=lambda step: False, stamp_s=stamp_s)
        with pytest.raises(SetupError, match=r"unevenly|dropped|increase"):
            select([path], images=False)
    small = write(
        tmp_path, "ok", range(60), rendered=lambda step: False, stamp_s=lambda step: (step + random[step] / 4) / 20
    )
    assert select([small], images=False).fps == pytest.approx(20, rel=0.01)


def test_a_common_rate_is_the_contracts_where_that_is_right():
    assert common_rate_hz({}, 20.0) == 20 and common_rate_hz({"a": 19.9, "b": 20.1}, 20.0) == 20
    assert common_rate_hz({"a": 29.97}, 20.0) == 30 and common_rate_hz({"a": 12.5}, 20.0) == 12.5
    assert common_rate_hz({"a": 19.7, "b": 19.95}, 20.0) == pytest.approx(19.82, abs=0.01)
    with pytest.raises(SetupError, match="one rate"):
        common_rate_hz({"a": 19.7, "b": 20.3}, 20.0)


def test_the_pace_of_a_late_first_step_is_not_that_of_all(tmp_path):
    stamps = np.arange(50) / 20
    assert Pace.of(stamps).off < 1e-6 and Pace.of(stamps[:1]) is None and Pace.of(stamps[::-1]) is None
    stamps[0] += 0.02
    assert Pace.of(stamps).off < 0.25 and not Pace.of(stamps).uneven


def test_values_that_forbid_an_export_leave_the_episode_out_with_the_reason(tmp_path):
    def spoil(step, values):
        if step == 3:
            values["gripper/grasp"][0] = np.nan

    bad, good = write(tmp_path, "bad", change=spoil), write(tmp_path, "good")
    selection = select([bad, good])
    assert [one.path for one in selection.summaries] == [good]
    assert selection.left_out == {str(bad): "gripper/grasp: not finite at 1 step: 3 (step 3: gripper/grasp nan)"}
    with pytest.raises(SetupError, match="not finite at 1 step: 3"):
        select([bad])


def test_a_label_for_another_version_of_the_file_is_named(tmp_path):
    path = write(tmp_path)
    labels_path(path).write_text('{"at": "2026", "by": "Ada", "verdict": "success"}\n')
    assert label_problems(path) == []  # from before labels knew what they are of
    add_label(path, verdict="fail", by="Ben")
    add_label(path, note="look", by="Cid")
    assert label_problems(path) == []
    path.unlink()
    write(tmp_path, facts=OPERATED)
    first, second = label_problems(path)
    assert "'fail' by Ben" in first and "another version of this file" in first and "'a note' by Cid" in second
    path.unlink()
    write(tmp_path)
    assert label_problems(path) == []  # the same recording again
