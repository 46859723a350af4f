"""Pictures that stand still or show nothing, and values that no robot has."""

import numpy as np
import pytest

from gato_ros.core.timing.sensor_checks import PictureWatch, ValueWatch

RNG = np.random.default_rng(0)


def noise() -> np.ndarray:
    return RNG.integers(0, 256, (32, 48, 3), np.uint8)


def watched(frames, speed=0.05) -> PictureWatch:
    watch = PictureWatch()
    for frame in frames:
        watch.look(frame, speed)
    return watch


@pytest.mark.fault("S3")
def test_ten_equal_frames_of_a_moving_arm_are_frozen_and_nine_are_not():
    still = noise()
    assert watched([noise(), *[still] * 10]).frozen
    assert not watched([noise(), *[still] * 9]).frozen
    assert not watched([noise(), *[still] * 9, noise(), *[still] * 9]).frozen


@pytest.mark.fault("S3")
def test_an_arm_that_stands_explains_equal_frames():
    still = noise()
    assert not watched([noise(), *[still] * 50], speed=0.009).frozen
    watch = watched([noise(), *[still] * 50], speed=0.0)
    watch.look(still, 0.05)
    assert not watch.frozen


@pytest.mark.fault("S3")
def test_a_renderer_may_repeat_itself_and_a_camera_that_was_seen_to_have_noise_may_not():
    picture = noise()
    block = picture.copy()
    block[:8, :8] += 100  # something moved: a small part of the picture
    assert not watched([picture, block, *[block] * 30]).frozen
    watch = watched([picture, noise()])
    watch.begin_anew()
    for _ in range(10):
        watch.look(picture, 0.05)
    assert watch.frozen


@pytest.mark.fault("S5")
@pytest.mark.parametrize("value", [0, 2, 128, 255])
def test_five_frames_that_show_nothing_are_blank(value):
    flat = np.full((32, 48, 3), value, np.uint8)
    assert watched([noise(), *[flat] * 5]).blank
    assert not watched([noise(), *[flat] * 4]).blank
    assert not watched([*[flat] * 5, noise()]).blank


@pytest.mark.fault("S5")
def test_a_dark_picture_with_something_in_it_is_a_picture():
    assert not watched([noise() // 8] * 20, speed=0.0).blank


BOUNDS = {"arm": (np.array([-1.0, -1.0]), np.array([1.0, 1.0]))}


@pytest.mark.fault("M9")
@pytest.mark.parametrize("value", [1e6, -2.1, 2.1])
def test_values_far_outside_for_four_ticks_are_implausible_until_they_are_back(value):
    watch = ValueWatch(BOUNDS)
    for tick in range(4):
        assert watch.implausible is None
        watch.look({"arm": np.array([0.0, value]), "other": np.array([1e9])})
        assert watch.clipped == tick + 1
    assert watch.implausible == "arm"
    watch.look({"arm": np.array([0.0, 0.0])})
    assert watch.implausible is None


@pytest.mark.fault("M9")
def test_a_little_outside_is_clipped_and_counted_and_no_fault():
    watch = ValueWatch(BOUNDS)
    for _ in range(20):
        watch.look({"arm": np.array([1.9, -1.9])})
    assert watch.implausible is None and watch.clipped == 40
