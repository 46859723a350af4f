"""How fast an arm may come nearer to another arm, which moves at the same time and is seen a little late.

Two arms, each with a guard that names the other, and no word between the guards but the joint states of both. Let
r(t) be the free distance between two capsules, one on each arm, beyond the clearance. A guard sees r(t - s): its own
arm and the other one as they were up to s ago, s being the age of the older of the two states plus the time until its
next command shows. It lets its arm close that gap at no more than

    G/2 exp(-G s) r(t - s)

where G is FASTEST. Then the gap never ends. For as long as it has shrunk no faster than exp(-G t), r(t - s) is at most
r(t) exp(G s), so both arms together close it at no more than G r(t): it goes on to shrink no faster than exp(-G t),
and that is never zero. (It is the condition under which a linear equation with a delay does not oscillate; Gyori and
Ladas, Oscillation Theory of Delay Differential Equations, 1991, ch. 2.) Nothing in it depends on the speed of either
arm or on a constant delay. The budget is shared: each has half of it, whether the other one uses its own or not, so
the other one's top speed counts for no more than its half. An arm that stands is approached by the same rule.

A stop needs no sensor and looks at nothing on its way. It takes at most half of the gap that was seen: a stop from
speed v ends after v (stop_s + tick_s) / 2, and the guard's own gain, which takes the place of G where it is smaller,
is at most 2 / (stop_s + tick_s). So both may stop at once. If states of the other arm no longer come, this one stops
by that way, and the other one, which still sees it, keeps to its half of what is left.

An arm whose guard does not know this one (`speed_m_s`) yields to nobody. This arm then keeps off it by as much as it
may come nearer at that speed until this one stands: it stands before the other one reaches the clearance. It does not
flee.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gato_ros.core.guard.clearance import Clearance
from gato_ros.core.guard.proposal import RobotState, age_s, finite
from gato_ros.core.timing.freshness import Instant, Sample, timing_fault

FASTEST = 10.0
"""Two arms close a gap at no more than so many times itself per second [1/s]: one number for all guards, since the
reasoning above is about two of them."""
SPARE_M = 0.002
"""So much more than the clearance is kept [m]: gaps are straightened for the time of a step, and arms move in arcs."""


@dataclass(frozen=True)
class NeighbourState:
    """Where another arm is."""

    capsule_ends: np.ndarray
    """[capsules 2 3] ends of its contract's capsules [m], in the base frame of the arm that looks at it."""
    stamp_s: float
    """Header stamp of its joint state [s], on the stamping clock."""
    received_s: float
    """Its arrival [s], on the steady clock."""


@dataclass(frozen=True)
class Neighbour:
    """Another arm, and what is kept free before it."""

    name: str
    """As the contract calls it."""
    geometry: Clearance
    """Capsules of this arm, then those of the other one; one of each makes a pair. Its `distance_m` is what is kept."""
    max_age_s: float
    """Oldest joint state of the other arm that may be used [s]."""
    reaction_s: float
    """From this guard's command, or the other's, until its arm moves so, and one tick [s]."""
    speed_m_s: float | None = None
    """None: its guard knows this arm, and yields by the same rule. Else it yields to nobody, and this is the largest
    speed at which a point of it comes [m/s]."""

    def fault(self, state: NeighbourState | None, now: Instant, future_tolerance_s: float) -> str | None:
        """Why this arm may not move beside it, or None: missing, non_finite, future_stamp or stale, and the name."""
        fault = "missing"
        if state is not None:
            sample = Sample(None, state.stamp_s, state.received_s)
            fault = timing_fault(sample, now, self.max_age_s, future_tolerance_s)
            if not finite(state.capsule_ends):
                fault = "non_finite"
        return f"{fault}_neighbour:{self.name}" if fault else None


@dataclass(frozen=True)
class NeighbourView:
    """A neighbour at one instant, as a step of the guard uses it."""

    neighbour: Neighbour
    ends: np.ndarray
    """[capsules 2 3] of it [m]."""
    late_s: float
    """Until a command of now shows, the two arms have gone on for so long since they were seen [s]."""

    def shares(
        self, ends: np.ndarray, jacobians: np.ndarray, velocities: Sequence[np.ndarray], gain: float
    ) -> list[float]:
        """How much of each of `velocities` [joints] [rad/s] may be carried out; what opens every gap is free.

        Args:
            ends: [capsules 2 3] ends of this arm's capsules [m].
            jacobians: [capsules 2 3 joints] of these points.
            gain: [1/s] this arm may close a gap at so many times itself and still stop in it.
        """
        neighbour, gain = self.neighbour, min(gain, FASTEST)
        late, kept_m = math.exp(-FASTEST * self.late_s), neighbour.geometry.distance_m + SPARE_M
        share = 0.5
        if neighbour.speed_m_s is not None:
            share, kept_m = 1.0, kept_m + neighbour.speed_m_s * (self.late_s + 2.0 / gain)
        still = np.zeros((len(self.ends), *jacobians.shape[1:]))
        return neighbour.geometry.at_distance(kept_m).shares(
            np.concatenate([ends, self.ends]),
            np.concatenate([jacobians, still]),
            velocities,
            share * gain * late,
        )


@dataclass(frozen=True)
class Neighbours:
    """All other arms in this one's room."""

    arms: tuple[Neighbour, ...] = ()

    def faults(
        self, states: Mapping[str, NeighbourState | None], now: Instant, future_tolerance_s: float
    ) -> tuple[str, ...]:
        """Of each that this arm may not move beside: why."""
        found = (one.fault(states.get(one.name), now, future_tolerance_s) for one in self.arms)
        return tuple(fault for fault in found if fault)

    def seen(
        self, states: Mapping[str, NeighbourState | None], own: RobotState, now: Instant
    ) -> tuple[NeighbourView, ...]:
        """All of them as they are seen from `own`; their states are there and without fault."""
        views, own_age_s = [], age_s(own, now)
        for arm in self.arms:
            state = states[arm.name]
            assert state is not None  # it would be a fault
            older_s = max(own_age_s, Sample(None, state.stamp_s, state.received_s).age_s(now), 0.0)
            views.append(NeighbourView(arm, state.capsule_ends, older_s + arm.reaction_s))
        return tuple(views)


ALONE = Neighbours()
"""No other arm."""
