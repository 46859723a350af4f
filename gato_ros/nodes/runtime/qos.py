"""Quality of service of every kind of topic."""

from __future__ import annotations

import copy

from rclpy.duration import Duration
from rclpy.qos import DurabilityPolicy, HistoryPolicy, LivelinessPolicy, QoSProfile, ReliabilityPolicy


def _newest(depth: int, reliability: ReliabilityPolicy) -> QoSProfile:
    return QoSProfile(
        depth=depth, history=HistoryPolicy.KEEP_LAST, reliability=reliability, durability=DurabilityPolicy.VOLATILE
    )


CAMERA = _newest(1, ReliabilityPolicy.BEST_EFFORT)
"""Publishers and subscribers of images: a lost frame is not worth a late one."""
STATE_OUT = _newest(10, ReliabilityPolicy.RELIABLE)
"""Publishers of joint states: reliable, since common tools subscribe that way."""
STATE_IN = _newest(10, ReliabilityPolicy.BEST_EFFORT)
"""Subscribers of joint states: matches drivers of either kind."""
COMMAND = _newest(1, ReliabilityPolicy.RELIABLE)
"""Commands, and what a human sends: only the newest counts, and it has to arrive."""
JOYSTICK = _newest(10, ReliabilityPolicy.BEST_EFFORT)
"""Subscribers of joysticks: publishers of either kind fit. Not the newest alone, or a short press were lost."""
PROPOSAL = copy.copy(COMMAND)
"""A policy's proposals: two control periods of silence are an event, and so is a publisher that is gone."""
PROPOSAL.deadline = PROPOSAL.liveliness_lease_duration = Duration(seconds=0.1)
PROPOSAL.liveliness = LivelinessPolicy.AUTOMATIC
VIEWER = _newest(1, ReliabilityPolicy.BEST_EFFORT)
"""Subscribers that only show the newest message, and never slow a publisher."""
RECORD_SENSOR = _newest(50, ReliabilityPolicy.BEST_EFFORT)
"""Subscribers that keep every message of a sensor, and must never hold its publisher up."""
REPORT = _newest(50, ReliabilityPolicy.RELIABLE)
"""Status, timing, diagnostics."""
JOURNAL = _newest(500, ReliabilityPolicy.RELIABLE)
"""What a replay needs without a gap: a reader may be away for seconds, and still nobody waits for it."""
TRANSFORMS = _newest(100, ReliabilityPolicy.RELIABLE)
"""Subscribers of /tf."""
TRANSFORMS_KEPT = _newest(100, ReliabilityPolicy.RELIABLE)
"""Subscribers of /tf_static, whose publishers speak once."""
TRANSFORMS_KEPT.durability = DurabilityPolicy.TRANSIENT_LOCAL


def of_contract(quality: str, depth: int) -> QoSProfile:
    """The profile of a subscription for a contract's `quality`: sensor, reliable or transient_local."""
    profile = _newest(depth, ReliabilityPolicy.BEST_EFFORT if quality == "sensor" else ReliabilityPolicy.RELIABLE)
    if quality == "transient_local":
        profile.durability = DurabilityPolicy.TRANSIENT_LOCAL
    return profile
