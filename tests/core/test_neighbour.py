"""Another arm beside the guarded one: what is kept free, what is not known of it, and two guards at each other."""

import json
import math
from dataclasses import FrozenInstanceError, fields

import numpy as np
import pytest

from gato_ros.core.guard.clearance import Clearance
from gato_ros.core.guard.neighbours.neighbour import (
    ALONE,
    FASTEST,
    SPARE_M,
    Neighbour,
    Neighbours,
    NeighbourState,
    NeighbourView,
)
from gato_ros.core.guard.verdict import Level
from gato_ros.core.records.exact_json import encode
from gato_ros.core.records.journal import Journaled, repeat
from gato_ros.core.timing.freshness import Instant
from gato_ros.embodiments.guard import make_guard
from tests.core.guarded_arm import CLOCK_AHEAD_S, ROBOT, START, TICK_S, at, proposal, robot_state
from tests.core.other_arms import arm_of

CAPSULES = len(ROBOT.guard.clearance.capsules)
RADII = [one.radius_m for one in ROBOT.guard.clearance.capsules.values()]
POINT = Clearance(np.array([0.0, 0.0]), 0.05, -np.inf, np.zeros(0, int), np.array([[0, 1]]))
"""One capsule on each arm, both of them points."""
FORWARD, BACK = np.array([1.0]), np.array([-1.0])


def at_x(x: float) -> np.ndarray:
    return np.full((1, 2, 3), [x, 0.0, 0.0])


def view(x: float, late_s=0.04, speed_m_s=None, clearance_m=0.05) -> NeighbourView:
    arm = Neighbour("right", POINT.at_distance(clearance_m), 0.1, 0.03, speed_m_s)
    return NeighbourView(arm, at_x(x), late_s)


def share_of(seen: NeighbourView, velocity, gain=FASTEST, x=0.0) -> float:
    along_x = np.zeros((1, 2, 3, 1))
    along_x[:, :, 0] = 1.0
    return seen.shares(at_x(x), along_x, [velocity], gain)[0]


@pytest.mark.parametrize("late_s", [0.0, 0.03, 0.15])
@pytest.mark.parametrize("gain", [4.0, 10.0, 25.0])
def test_half_of_the_gap_is_this_arms_and_less_when_it_is_seen_late(late_s, gain):
    room_m = 0.4 - 0.05 - SPARE_M
    allowed = 0.5 * min(gain, FASTEST) * math.exp(-FASTEST * late_s) * room_m
    assert share_of(view(0.4, late_s), FORWARD * 2 * allowed, gain) == pytest.approx(0.5)
    assert share_of(view(0.4, late_s), FORWARD * 0.999 * allowed, gain) == 1.0


def test_the_rule_has_these_numbers():
    assert (FASTEST, SPARE_M) == (10.0, 0.002)
    assert share_of(view(0.252, 0.0), FORWARD * 2.0) == pytest.approx(0.5)


def test_what_parts_or_stands_is_free_and_too_near_nothing_else_is():
    for x in (0.2, 0.051, 0.01):
        assert share_of(view(x), BACK * 9.0) == share_of(view(x), FORWARD * 0.0) == 1.0
    assert share_of(view(0.05 + SPARE_M), FORWARD * 1e-6) == share_of(view(0.02), FORWARD * 1e-6) == 0.0


@pytest.mark.parametrize("gain", [5.0, 10.0, 25.0])
def test_one_that_yields_to_nobody_is_kept_off_by_its_way_during_a_stop(gain):
    speed, late_s = 0.3, 0.05
    kept_m = 0.05 + SPARE_M + speed * (late_s + 2.0 / min(gain, FASTEST))
    seen = view(kept_m + 0.1, late_s, speed)
    allowed = min(gain, FASTEST) * math.exp(-FASTEST * late_s) * 0.1
    assert share_of(seen, FORWARD * 2 * allowed, gain) == pytest.approx(0.5)
    assert share_of(view(kept_m - 1e-6, late_s, speed), FORWARD * 1e-6, gain) == 0.0


@pytest.mark.parametrize("seed", range(20))
def test_two_that_use_all_they_may_never_close_a_gap_faster_than_the_rule(seed):
    rng, step_s, longest_s = np.random.default_rng(seed), 0.001, 0.13
    places, speeds, history = [0.0, 0.3], [0.0, 0.0], []
    room_m = first_m = 0.3 - 0.05 - SPARE_M
    for number in range(3000):
        history.append(tuple(places))
        for i in (0, 1):
            if number % 10 != 3 * i:
                continue
            # As old as it may be, or younger; its command shows after the rest of the time.
            late_s = float(rng.choice([0.01, longest_s, rng.uniform(0.01, longest_s)]))
            age = min(int((late_s - 0.01) / step_s), number)
            own, other = history[-1 - int(rng.integers(0, age + 1))][i], history[-1 - age][1 - i]
            seen = view(abs(other - own), late_s)
            speeds[i] = 9.0 * share_of(seen, FORWARD * 9.0)
        places = [places[0] + speeds[0] * step_s, places[1] - speeds[1] * step_s]
        before_m, room_m = room_m, places[1] - places[0] - 0.05 - SPARE_M
        assert room_m >= before_m * math.exp(-FASTEST * step_s) * (1.0 - 1e-9)
    assert 0.0 < room_m < 0.1 * first_m, "the rule is used up"


def state(x: float, stamp_s: float, received_s: float, ends=CAPSULES) -> NeighbourState:
    """Another arm whose capsules are points, x metres in front of the base."""
    return NeighbourState(np.full((ends, 2, 3), [x, 0.0, 0.2]), CLOCK_AHEAD_S + stamp_s, received_s)


NAN = NeighbourState(np.full((CAPSULES, 2, 3), np.nan), CLOCK_AHEAD_S + 10.0, 10.0)
UNUSABLE = {
    "missing": None,
    "non_finite": NAN,
    "stale": state(5.0, 9.89, 10.0),
    "future_stamp": state(5.0, 10.06, 10.0),
}


def beside(clearance_m=0.05, robot=ROBOT, speed_m_s=None) -> Neighbours:
    radii = np.array([*RADII, *np.zeros(CAPSULES)])
    pairs = np.array([(i, CAPSULES + j) for i in range(CAPSULES) for j in range(CAPSULES)])
    geometry = Clearance(radii, clearance_m, -np.inf, np.zeros(0, int), pairs)
    return Neighbours((Neighbour("right", geometry, 0.1, 0.03, speed_m_s),))


@pytest.mark.parametrize("fault", UNUSABLE)
def test_what_is_not_known_of_it_has_a_name(fault):
    arms = beside()
    assert arms.faults({"right": UNUSABLE[fault]}, at(10.0), 0.05) == (f"{fault}_neighbour:right",)
    assert arms.faults({}, at(10.0), 0.05) == ("missing_neighbour:right",)
    assert arms.faults({"right": state(5.0, 9.91, 10.0)}, at(10.0), 0.05) == ()
    assert ALONE.faults({"right": UNUSABLE[fault]}, at(10.0), 0.05) == ()
    received_late = state(5.0, 10.0, 9.89)
    assert arms.faults({"right": received_late}, at(10.0), 0.05) == ("stale_neighbour:right",)


def test_the_older_of_the_two_states_counts_and_the_time_until_a_command_shows():
    own = robot_state(START, 9.98)
    for stamp_s, late_s in ((9.99, 0.05), (9.95, 0.08)):
        (seen,) = beside().seen({"right": state(1.0, stamp_s, 10.0)}, own, at(10.0))
        assert seen.late_s == pytest.approx(late_s) and seen.neighbour.name == "right"
    ahead = beside().seen({"right": state(1.0, 10.04, 10.0)}, robot_state(START, 10.0), at(10.0))
    assert ahead[0].late_s == pytest.approx(0.03), "a stamp from the future is no younger than now"
    assert ALONE.seen({}, own, at(10.0)) == ()


class Beside:
    """A guarded arm that does what it is commanded, and points in front of it."""

    def __init__(self, robot=ROBOT, clearance_m=0.05, speed_m_s=None, **settings):
        self.guard = make_guard(robot, neighbours=beside(clearance_m, speed_m_s=speed_m_s), **settings)
        self.q, self.now_s, self.x = np.array(START), 10.0, 5.0
        self.guard.step({}, self.own(), at(self.now_s), self.seen())
        assert self.guard.reset(self.own(), at(self.now_s), self.seen()) is None

    def own(self):
        return robot_state(self.q, self.now_s)

    def seen(self) -> dict:
        return {"right": state(self.x, self.now_s, self.now_s)}

    def tick(self, seen="own", values=(0.1, 0.0, 0.0, 0.0)):
        self.now_s += TICK_S
        wished = proposal(self.now_s, values)
        seen = self.seen() if isinstance(seen, str) else {"right": seen}
        self.command, self.verdict = self.guard.step({"policy": wished}, self.own(), at(self.now_s), seen)
        self.q = self.q + self.command.joint_velocity * TICK_S
        return self.verdict

    def room_m(self) -> float:
        ends, radii = self.own().capsule_ends, np.array(RADII)
        along = np.linspace(0.0, 1.0, 200)[:, None]
        points = ends[:, None, 0] * (1 - along) + ends[:, None, 1] * along
        return float((np.linalg.norm(points - [self.x, 0.0, 0.2], axis=-1) - radii[:, None]).min())


@pytest.mark.fault("B1")
@pytest.mark.parametrize("fault", UNUSABLE)
def test_it_stops_by_its_own_name_latches_when_it_lasts_and_is_not_reset_before(fault):
    arm = Beside()
    for _ in range(30):
        assert arm.tick().following
    lost = UNUSABLE[fault]
    for number in range(13):
        later_s = arm.now_s + TICK_S - 10.0
        verdict = arm.tick(
            lost and NeighbourState(lost.capsule_ends, lost.stamp_s + later_s, lost.received_s + later_s)
        )
        assert verdict.level == Level.STOPPING and verdict.reasons == (f"{fault}_neighbour:right",), number
    assert not arm.command.joint_velocity.any() and arm.guard.latched is None
    assert arm.tick().following, "it goes on when the other one is seen again"
    for _ in range(115):
        arm.tick(None)
    assert arm.guard.latched == arm.verdict.reasons[0] == "missing_neighbour:right"
    assert arm.guard.reset(arm.own(), at(arm.now_s), {"right": None}) == "missing_neighbour:right"
    assert arm.guard.reset(arm.own(), at(arm.now_s), arm.seen()) is None


@pytest.mark.fault("B2")
@pytest.mark.parametrize("clearance_m", [0.02, 0.05])
def test_it_slows_before_an_arm_that_stands_and_keeps_the_clearance(clearance_m):
    arm = Beside(clearance_m=clearance_m, off=("workspace",))
    arm.x = arm.own().tool_position[0] + 0.25
    limited = 0
    for _ in range(400):
        limited += "neighbour:right" in arm.tick(values=(0.1, 0.0, 0.0, 0.0)).reasons
    assert clearance_m + SPARE_M - 1e-4 < arm.room_m() < clearance_m + 0.01 and limited > 50
    assert arm.tick(values=(-0.1, 0.0, 0.0, 0.0)).level == Level.OK


def test_one_that_yields_to_nobody_finds_it_standing():
    arm = Beside(speed_m_s=0.2, off=("workspace",))
    arm.x = arm.own().tool_position[0] + 0.6
    while arm.room_m() > 0.05:
        arm.x -= 0.2 * TICK_S
        arm.tick(values=(0.1, 0.0, 0.0, 0.0))
    tool = arm.own().jacobian[:3] @ arm.command.joint_velocity
    assert abs(tool[0]) < 1e-3 and arm.now_s > 11.0


def test_it_can_be_switched_off_and_then_asks_for_no_state():
    arm = Beside(off=("neighbours",))
    arm.x = arm.own().tool_position[0]
    assert arm.tick(None).reasons == arm.tick().reasons == () and arm.verdict.off == ("neighbours",)


@pytest.mark.parametrize("kind", ["joint_velocity", "twist_tool"])
def test_other_actions_keep_off_as_well(kind):
    robot = arm_of(kind)
    arm = Beside(robot, off=("workspace",))
    arm.x = arm.own().tool_position[0] + 0.15
    for _ in range(600):
        forward = np.array([0.1, 0, 0, 0, 0, 0.0])
        values = np.linalg.pinv(arm.own().jacobian) @ forward
        if kind == "twist_tool":
            values = np.append(arm.own().tool_rotation.T @ forward[:3], np.zeros(3))
        arm.tick(values=values)
    assert 0.05 + SPARE_M - 1e-4 < arm.room_m() < 0.06 and "neighbour:right" in arm.verdict.reasons


def test_a_guard_with_a_neighbour_is_replayed_and_one_without_is_what_it_was():
    arm = Beside()
    arm.guard = Journaled(arm.guard)
    texts = arm.guard.take()
    for number in range(60):
        arm.tick() if number % 20 else arm.tick(None)
    texts += arm.guard.take()
    judged = [again for again in repeat(texts) if again.judged]
    assert len(judged) >= 60 and all(again.equal for again in judged)
    plain = encode(make_guard(ROBOT))["of"]
    assert not {"_neighbours", "_near"} & plain.keys()
    assert "neighbours" in json.dumps(encode(make_guard(ROBOT, neighbours=beside())))


def test_capsules_are_needed_beside_another_arm():
    guard = make_guard(ROBOT, neighbours=beside(), off=("clearance",))
    bare = robot_state(START, 10.0)
    bare = type(bare)(**{**vars(bare), "capsule_ends": None})
    assert guard.reset(bare, Instant(10.0, CLOCK_AHEAD_S + 10.0), {}) == "state_without_capsules"


def test_nobody_changes_what_guard_shadow_and_journal_share():
    state, seen = NeighbourState(at_x(0.3), 0.0, 0.0), view(0.3)
    for one in (state, seen, seen.neighbour, Neighbours((seen.neighbour,))):
        for field in fields(one):
            with pytest.raises(FrozenInstanceError):
                setattr(one, field.name, None)
