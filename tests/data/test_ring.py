"""The ring keeps seconds and bytes, and says what it had to drop."""

from hypothesis import given, settings
from hypothesis import strategies as st

from gato_ros.data.incidents.message_ring import Ring


@given(st.lists(st.tuples(st.floats(0.0, 3.0), st.integers(0, 40)), max_size=60))
@settings(max_examples=100, deadline=None)
def test_both_bounds_hold_and_nothing_younger_is_lost_without_a_word(messages):
    ring, now_s, given_ = Ring(5.0, 100), 0.0, []
    for step_s, size in messages:
        now_s += step_s
        given_.append((now_s, size))
        ring.add(now_s, int(now_s * 1e9), f"/{size}", bytes(size))
        kept = ring.copy()
        assert ring.bytes == sum(len(one.data) for one in kept) <= 100
        assert ring.span_s() <= 5.0 and len(ring) == len(kept)
        assert [(one.received_s, len(one.data)) for one in kept] == given_[len(given_) - len(kept) :]
    young = sum(at_s >= now_s - 5.0 for at_s, _ in given_)
    assert young - len(ring) <= sum(ring.crowded_out.values()) <= len(given_) - len(ring)


def test_time_alone_crowds_nothing_out():
    ring = Ring(1.0, 100)
    for i in range(50):
        ring.add(0.1 * i, i, "/a", b"12345")
    assert len(ring) in (10, 11) and not ring.crowded_out
