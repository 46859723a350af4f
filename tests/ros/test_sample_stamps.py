"""Stamps of samples, where the process that gives them has to wait at the wrong moment."""

from gato_ros.nodes.messages.clocks import SampleStamps

WALL_NS = 1_700_000_000_000_000_000


class Clocks:
    """One time [s] on two clocks; reading the second takes `wait_s`, as in a process that is not scheduled."""

    def __init__(self):
        self.now_s, self.wait_s, self.set_back_s = 0.0, 0.0, 0.0

    def wall_ns(self) -> int:
        return WALL_NS + int((self.now_s - self.set_back_s) * 1e9)

    def steady_s(self) -> float:
        self.now_s += self.wait_s
        return self.now_s


def stamped(times_and_waits, set_back_at: float | None = None):
    clocks, found = Clocks(), []
    stamps = SampleStamps(clocks.wall_ns, clocks.steady_s)
    for sampled_s, wait_s in times_and_waits:
        clocks.now_s, clocks.wait_s = max(clocks.now_s, sampled_s + 0.002), wait_s
        if sampled_s == set_back_at:
            clocks.set_back_s = 3600.0
        found.append(((stamps.stamp_ns(sampled_s) - WALL_NS) / 1e9, sampled_s))
    return found


def test_a_stamp_is_the_time_of_the_sample_on_the_wall():
    for stamp_s, sampled_s in stamped([(0.01, 0.0), (0.02, 0.0), (0.03, 0.0)]):
        assert abs(stamp_s - sampled_s) < 1e-6


def test_stamps_rise_and_are_never_late_in_a_process_that_waits():
    # 30 ms between the two clocks at the first sample; the others are reckoned 1 microsecond apart.
    found = stamped([(0.01, 0.0), (0.02, 0.03), (0.020001, 0.0), (0.020002, 0.005), (0.020003, 0.0)])
    stamps = [stamp_s for stamp_s, _ in found]
    assert all(a < b for a, b in zip(stamps, stamps[1:]))
    assert all(stamp_s <= sampled_s + 1e-6 for stamp_s, sampled_s in found)


def test_stamps_follow_a_clock_that_is_set_back():
    found = stamped([(0.01, 0.0), (0.02, 0.0), (0.03, 0.0)], set_back_at=0.02)
    assert found[1][0] < -3599.0 and found[2][0] > found[1][0]
