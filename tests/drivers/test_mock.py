"""The mock keeps what the seam promises, by a clock of the test's."""

import math

import numpy as np
import pytest

from gato_ros.core.driver import refusal
from gato_ros.drivers.mock import MockDriver
from gato_ros.embodiments import load_embodiment

ROBOT = load_embodiment()
STILL = dict.fromkeys(ROBOT.arm.joints, 0.0)


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def driver(clock):
    made = MockDriver(ROBOT, clock)
    assert made.enable().result() == ""
    made.move(STILL)
    return made


def test_it_integrates_commands_by_name_and_holds_after_timeout(driver, clock):
    start = driver.report().joints.position
    velocity = {name: 0.01 * (i + 1) for i, name in enumerate(reversed(ROBOT.arm.joints))}
    driver.move(velocity)
    clock.now_s += 0.1
    wanted = np.array([velocity[name] for name in ROBOT.arm.joints])
    report = driver.report()
    assert report.joints.position == pytest.approx(start + 0.1 * wanted)
    assert report.joints.velocity == pytest.approx(wanted)
    assert clock.now_s - 0.011 < report.joints.sampled_s <= clock.now_s
    clock.now_s += 5.0
    report = driver.report()
    assert report.joints.position == pytest.approx(start + ROBOT.arm.velocity_timeout_s * wanted)
    assert not report.joints.velocity.any() and report.stops == 1


def test_joints_stay_in_their_range_and_fingers_in_theirs(driver, clock):
    for _ in range(100):
        driver.move({**STILL, "right_j6": 1.5})
        clock.now_s += 0.1
    assert driver.report().joints.position[-1] == pytest.approx(ROBOT.joint_limits[1][-1])
    driver.grip(-1.0)
    clock.now_s += 0.5
    assert driver.report().gripper.opening_m == pytest.approx(0.085 - 0.5 * 0.085)
    clock.now_s += 5.0
    assert driver.report().gripper.opening_m == 0.0


@pytest.mark.parametrize(
    ("velocity", "complaint"),
    [
        ({**STILL, "right_j0": math.nan}, "not finite"),
        ({**STILL, "right_j0": -math.inf}, "not finite"),
        ({**STILL, "right_j0": 1.8}, "its limit is 1.74"),
        ({"right_j0": 0.1}, "no velocity of right_j1"),
        ({**STILL, "head_pan": 0.1}, "unknown joints head_pan"),
    ],
)
def test_what_cannot_be_a_command_is_refused_whole(driver, clock, velocity, complaint):
    before = driver.report()
    driver.move(velocity)
    clock.now_s += 0.1
    after = driver.report()
    assert after.refused == before.refused + 1 and complaint in after.last_refusal
    assert (after.joints.position == before.joints.position).all()


def test_a_limit_may_be_met_but_not_passed():
    limits = dict(zip(ROBOT.arm.joints, ROBOT.joint_limits[2]))
    assert refusal(limits, limits) is None and refusal({k: -v for k, v in limits.items()}, limits) is None
    assert refusal({k: 1.02 * v for k, v in limits.items()}, limits)


def test_after_an_emergency_stop_it_needs_enable_and_rest(driver, clock):
    driver.move({**STILL, "right_j6": 0.5})
    driver.press_e_stop(True)
    held = driver.report().joints.position
    clock.now_s += 0.1
    report = driver.report()
    assert report.e_stop and not report.ready and report.fault == "emergency stop" and not report.joints.velocity.any()
    assert "release it" in driver.enable().result()
    driver.press_e_stop(False)
    assert driver.report().e_stop and not driver.report().ready
    driver.move(STILL)
    assert driver.enable().result() == "" and driver.report().ready
    driver.move({**STILL, "right_j6": 0.5})
    assert driver.report().last_refusal == "a motion begins with a standstill"
    clock.now_s += 0.1
    assert (driver.report().joints.position == held).all()
    driver.rest()  # is no standstill that somebody has commanded
    driver.move({**STILL, "right_j6": 0.5})
    assert driver.report().last_refusal == "a motion begins with a standstill"
    driver.move(STILL)
    driver.move({**STILL, "right_j6": 0.5})
    clock.now_s += 0.1
    assert driver.report().joints.position[-1] == pytest.approx(held[-1] + 0.05)
