"""Faults of the clock that stamps messages, by a robot that publishes /clock."""

import pytest

TRIES = 5
"""A jump that every stamp has followed by the guard's next step is not answered (faults.yaml, T7): on a machine that
lets the guard wait at that moment it is made again."""


@pytest.mark.fault("T7", "T8")
@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("T7", {"clock_ahead_s": 3600.0}),
        ("T7", {"clock_ahead_s": -3600.0}),
        ("T8", {"clock_ahead_s": -5.0}),
        ("T8", {"clock_stopped": True}),
    ],
    ids=["ahead", "back", "rewound", "stopped"],
)
def test_a_clock_that_jumps_or_stands_still_stops_the_arm(simulated_loop, fault_repeat, timed, row, fault):
    loop = simulated_loop

    def inject() -> float:
        for _ in range(TRIES):
            at_s = loop.set_robot(**fault)
            if timed or "clock_stopped" in fault or loop.is_broken_off(at_s):
                break
            loop.set_robot()
            loop.be_moving()
        return at_s

    for _ in range(fault_repeat):
        loop.measure(row, inject, str(fault))
        if "clock_stopped" in fault:
            loop.is_latched()  # and does not go on by fits and starts
        loop.well_again()
        loop.be_moving()
