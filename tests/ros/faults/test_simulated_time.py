"""Faults of the clock that stamps messages, by a robot that publishes /clock."""

import pytest


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
def test_a_clock_that_jumps_or_stands_still_stops_the_arm(simulated_loop, fault_repeat, row, fault):
    loop = simulated_loop
    for _ in range(fault_repeat):
        loop.measure(row, lambda: loop.set_robot(**fault), str(fault))
        if "clock_stopped" in fault:
            loop.is_latched()  # and does not go on by fits and starts
        loop.well_again()
        loop.be_moving()
