"""What was observed of a running robot, reduced to facts: what the preflight judges. Nothing here knows ROS."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from gato_ros.core.timing.arrivals import Timing


@dataclass(frozen=True)
class Quality:
    """Quality of service of a publisher (what it offers) or of a subscription (what it requests)."""

    reliable: bool = True
    kept: bool = False
    """Durability transient local: what was said before is kept for those who come later."""
    deadline_s: float = math.inf
    manual_liveliness: bool = False
    """Liveliness manual by topic."""
    lease_s: float = math.inf


@dataclass(frozen=True)
class Endpoint:
    """A publisher or a subscription."""

    node: str
    """Full name of its node."""
    kind: str
    """Type of its messages, as `sensor_msgs/msg/Image`."""
    quality: Quality = Quality()


@dataclass(frozen=True)
class Topic:
    """Who is on a topic, and when messages came."""

    publishers: tuple[Endpoint, ...] = ()
    subscribers: tuple[Endpoint, ...] = ()
    timing: Timing = Timing()
    frame_ids: frozenset[str] = frozenset()
    """All that the headers named."""


@dataclass(frozen=True)
class Joints:
    """What JointState messages said."""

    names: tuple[str, ...]
    """As in the last message, doubles included."""
    position: np.ndarray
    """[2 names] least and greatest; NaN where a value was not finite."""
    velocity: np.ndarray
    """[2 names] as position; nothing where messages held none."""
    effort: np.ndarray
    """As velocity."""
    beside: tuple[tuple[str, ...], ...] = ()
    """Names in the topic's other messages, where they are built otherwise."""


@dataclass(frozen=True)
class Pictures:
    """What the frames of a camera showed."""

    frames: int
    refused: str = ""
    """Why the last one that could not be read could not."""
    encoding: str = "rgb8"
    brightness: float = 128.0
    """Mean of the last frame, of 0..255."""
    contrast: float = 40.0
    """Its standard deviation."""
    different: int = 2
    """How many of the frames differ from the one before, to the bit; the first counts."""


@dataclass(frozen=True)
class ChannelLook:
    """What became of the messages of an observation with a topic of its own."""

    read: int = 0
    refused: str = ""
    """Why the last message could not be read, where it could not."""
    waits: str = ""
    """Of a transform: what is missing in its chain."""


@dataclass(frozen=True)
class Status:
    """The newest status of one of our nodes."""

    level: str
    """ok, warn, error."""
    message: str
    values: Mapping[str, str] = field(default_factory=dict)
    silent_s: float = 0.0
    """Since it came [s]."""


@dataclass(frozen=True)
class Clipped:
    """How an observation's values lie to the range that a policy was trained on."""

    share: float
    """Of all values of all instants looked at, those outside: the tokeniser clips them."""
    worst: str
    """The one furthest outside, in words."""


@dataclass(frozen=True)
class Nudge:
    """The gripper was commanded to move a little."""

    refused: str = ""
    """Why it was not."""
    commanded_m: float = 0.0
    """By how much the opening was to change [m]."""
    moved_m: float = 0.0
    """By how much it did, by the gripper's own report [m]."""


@dataclass(frozen=True)
class RobotSnapshot:
    """Everything that was observed. What a collector does not look for stays as it is made here, and is not judged."""

    listened_s: float = 0.0
    topics: Mapping[str, Topic] = field(default_factory=dict)
    """By the contract's (relative) name."""
    elsewhere: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Topic -> full names of topics in other namespaces that end like it."""
    nodes: tuple[str, ...] = ()
    """Full names, doubles included."""
    observers: frozenset[str] = frozenset()
    """Names of nodes that listen and carry nothing out; also the one that looks."""
    joints: Joints | None = None
    gripper: Joints | None = None
    pictures: Mapping[str, Pictures] = field(default_factory=dict)
    """By observation key."""
    channels: Mapping[str, ChannelLook] = field(default_factory=dict)
    """By observation key, of those with a topic of their own, or transforms."""
    guard: Status | None = None
    policy: Status | None = None
    guard_digest: str | None = None
    """Of the contract that guard_node has loaded."""
    simulated: bool = False
    """Whether whoever looks goes by /clock: rates and ages then say nothing, a simulator may wait for commands."""
    simulated_time: Mapping[str, bool] = field(default_factory=dict)
    """Node -> its use_sim_time."""
    clocks: int = 0
    """Publishers of /clock."""
    clipped: Mapping[str, Clipped] | None = None
    """By observation key; None where no observation could be made."""
    keys: tuple[str, ...] | None = None
    """Observations that the policy reads; None: all of the contract's."""
    act_ms_p99: float | None = None
    """99th percentile of the time that the policy takes for an action [ms], where it was timed."""
    weights: tuple[str, str] | None = None
    """Name of the policy, and why it does not fit the contract or nothing."""
    disk: tuple[str, float] | None = None
    """Folder for recordings, and what is free there [MiB]."""
    nudge: Nudge | None = None
    settings: str = ""
    """ROS domain and the like, in words."""
