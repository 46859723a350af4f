"""Specs of a step: what makes one, what is refused, and digests that hold what counts."""

import json
import math

import numpy as np
import pytest

from gato_ros.core.errors import SetupError
from gato_ros.core.spec import (
    ContinuousSpec,
    DiscreteSpec,
    ImageSpec,
    StepSpec,
    TextSpec,
    step_spec_from_dict,
    step_spec_to_dict,
)

TWIST = ContinuousSpec((-0.07,) * 4, (0.07,) * 4, ("m/s", "m/s", "m/s", "rad/s"))
GRIPPER = ContinuousSpec((0.0,), (0.085,), ("m",), binary=True)


def step(**changes):
    observations = {"z": DiscreteSpec(6, 49), "camera": ImageSpec(128, 96), "mission": TextSpec(64, 16), "pose": TWIST}
    return StepSpec.of({**observations, **changes}, {"twist": TWIST, "gripper": GRIPPER})


def test_step_spec_orders_observations_and_keeps_actions():
    assert list(step().observations) == ["camera", "mission", "pose", "z"]
    assert list(step().actions) == ["twist", "gripper"]
    assert [spec.shape for spec in step().observations.values()] == [(128, 96, 3), (64,), (4,), (49,)]
    assert step().observation("camera").dtype is np.uint8


def test_step_spec_is_a_value():
    assert step() == step() and hash(step()) == hash(step()) and step().digest == step().digest
    assert step().only(("pose", "camera")).observations.keys() == {"camera", "pose"}
    with pytest.raises(SetupError, match="did you mean 'camera'"):
        step().only(("camerra",))


@pytest.mark.parametrize(
    "change",
    [
        {"camera": ImageSpec(128, 128)},
        {"z": DiscreteSpec(7, 49)},
        {"mission": TextSpec(64, 17)},
        {"pose": ContinuousSpec((-0.07,) * 4, (0.07, 0.07, 0.07, 0.08), TWIST.units)},
        {"pose": ContinuousSpec(TWIST.lower, TWIST.upper, ("m/s",) * 4)},
        {"another": DiscreteSpec(2)},
    ],
)
def test_digest_changes_with_each_part(change):
    assert step(**change).digest != step().digest


def test_digest_changes_with_the_order_of_actions():
    turned = StepSpec.of(step().observations, {"gripper": GRIPPER, "twist": TWIST})
    assert turned != step() and turned.digest != step().digest


def test_json_brings_back_the_same_spec():
    one = step(free=ContinuousSpec((-math.inf, 0.0), (math.inf, 1.0), ("1", "1")))
    again = step_spec_from_dict(json.loads(json.dumps(step_spec_to_dict(one), allow_nan=False)))
    assert again == one and again.digest == one.digest
    for damaged in ({}, {"observations": [{"key": "a"}], "actions": []}, {"observations": 3, "actions": []}):
        with pytest.raises(SetupError):
            step_spec_from_dict(damaged)
    with pytest.raises(SetupError, match="did you mean 'image'"):
        step_spec_from_dict({"observations": [{"key": "a", "kind": "imag"}], "actions": []})


@pytest.mark.parametrize(
    "make",
    [
        lambda: ImageSpec(0, 4),
        lambda: ContinuousSpec((), (), ()),
        lambda: ContinuousSpec((0.0,), (0.0,), ("m",)),
        lambda: ContinuousSpec((math.nan,), (1.0,), ("m",)),
        lambda: ContinuousSpec((0.0,), (1.0,), ()),
        lambda: ContinuousSpec((-math.inf,), (math.inf,), ("m",), binary=True),
        lambda: DiscreteSpec(1),
        lambda: DiscreteSpec(1025),
        lambda: TextSpec(0, 1),
        lambda: StepSpec.of({}, {"picture": ImageSpec(4, 4)}),
        lambda: StepSpec.of({"": DiscreteSpec(2)}, {}),
        lambda: StepSpec.of({"a": "not a spec"}, {}),
    ],
)
def test_what_makes_no_spec_is_refused(make):
    with pytest.raises(SetupError):
        make()


def test_continuous_without_a_range_is_unbounded():
    assert not ContinuousSpec((-math.inf,), (math.inf,), ("1",)).bounded and TWIST.bounded
