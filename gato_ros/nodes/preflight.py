"""The preflight of a running robot: what is heard and seen of the graph, and the reasons against activation.

A node that asks before it gets active owns a `Preflight` from its configuration on. It never spins: the node's own
executor feeds it, so it has something to say once that has run for a second.

    self._preflight = Preflight(node, robot, "policy", policy.observation_keys)   # on_configure, after what takes long
    reasons = self._preflight.reasons()                                           # on_activate: empty, or refuse
    self._preflight.rest()                                                        # active: it costs nothing any more
    self._preflight.listen()                                                      # on_deactivate
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import TwistStamped
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from sensor_msgs.msg import Image, JointState

from gato_ros.core.arrivals import Timing
from gato_ros.core.observation import Observation
from gato_ros.core.policy import Policy
from gato_ros.embodiments import Embodiment
from gato_ros.embodiments.preflight import against_activation, all_topics
from gato_ros.embodiments.preflight_wire import sensors
from gato_ros.embodiments.sighting import Clipped, Sighting, Status
from gato_ros.nodes.command_watch import OBSERVERS
from gato_ros.nodes.diagnosis import values_of
from gato_ros.nodes.graph_facts import full_name, nodes_beside, same_name_elsewhere, topic_facts
from gato_ros.nodes.joint_message import JointsRefused, values_by_name
from gato_ros.nodes.preflight_ears import JointEars, PictureEars, RangeEars, StatusEars, TopicEars
from gato_ros.nodes.quality import CAMERA, COMMAND, PROPOSAL, REPORT, STATE_IN

WINDOW_S = 3.0
"""How much of the past is judged [s]."""
LEAST_S = 1.0
"""Less is not judged [s]."""
TICK_S = 0.1
AWAY_S = 0.5
"""An executor that was busy for longer [s] heard nothing meanwhile: what it remembers says nothing."""
PARTS_HEARD = {"guard": ("joints",), "policy": ("sensors", "guard"),
               "doctor": ("sensors", "guard", "policy", "proposals")}
"""Role -> what it subscribes to."""


class Preflight:
    """Hears what concerns `role`, from its creation on and until `rest`."""

    def __init__(self, node: Node, robot: Embodiment, role: str, keys: tuple[str, ...] | None = None,
                 window_s: float = WINDOW_S):
        """`role` is policy, guard, or doctor (everything); `keys` are the observations that the policy reads."""
        self._node, self._robot, self._role, self._window_s = node, robot, role, window_s
        self.keys = tuple(keys) if keys is not None else None
        self.act_ms_p99: float | None = None
        """Time for an action [ms]; whoever has the policy sets it (`time_of_an_action`)."""
        self._steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._subscriptions: list = []
        self._timer = None
        self.listen()

    # --- what is heard ---

    def listen(self) -> None:
        """Begin anew; what was heard before is forgotten."""
        self.rest()
        self._ears: dict[str, TopicEars] = {}
        self._pictures: dict[str, PictureEars] = {}
        self._status: dict[str, StatusEars] = {}
        self._joints, self._gripper = JointEars(self._window_s), JointEars(self._window_s)
        self._ranges = None
        self._guard_digest: str | None = None
        self._began_s: float | None = None
        self._ticked_s = 0.0
        heard = PARTS_HEARD[self._role]
        if "joints" in heard or "sensors" in heard:
            self._hear_sensors(() if "joints" in heard else self.keys)
        for name in ("guard", "policy"):
            if name in heard:
                self._status[name] = ears = StatusEars(self._node, f"{name}_node")
                self._subscriptions.append(ears.subscription)
        if "proposals" in heard:
            self._hear_proposals()
        self._timer = self._node.create_timer(TICK_S, self._tick, clock=self._steady)

    def rest(self) -> None:
        """Hear nothing more."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions.clear()
        if self._timer is not None:
            self._node.destroy_timer(self._timer)
            self._timer = None

    def _hear_sensors(self, keys: tuple[str, ...] | None) -> None:
        robot, wire = self._robot, self._robot.wire
        read = robot.observation_keys if keys is None else keys
        self._ranges = RangeEars(robot, read, self._window_s)
        wanted = {sensor.topic for sensor in sensors(robot, keys)}
        for key in robot.image_keys:
            channel = robot.observations[key]
            if channel.topic in wanted:
                frames = int(np.ceil(self._window_s * robot.control_rate_hz))
                self._pictures[key] = ears = PictureEars(channel.height, channel.width, frames)
                self._hear(Image, channel.topic, CAMERA, ears.hear)
        self._hear(JointState, wire.joint_states.topic, STATE_IN, self._joints.hear, self._ranges.hear_joints)
        if wire.gripper_states.topic in wanted:
            self._hear(JointState, wire.gripper_states.topic, STATE_IN, self._gripper.hear, self._ranges.hear_gripper)

    def _hear_proposals(self) -> None:
        wire = self._robot.wire
        for topic, kind, quality in ((wire.proposal_twist, TwistStamped, PROPOSAL),
                                     (wire.proposal_gripper, JointState, PROPOSAL),
                                     (wire.human_twist, TwistStamped, COMMAND),
                                     (wire.human_gripper, JointState, COMMAND)):
            self._hear(kind, topic, quality)
        self._subscriptions.append(self._node.create_subscription(
            DiagnosticArray, "/diagnostics", self._on_diagnostics, REPORT))

    def _hear(self, kind: type, topic: str, quality, *hear: Callable) -> None:
        def each(message, now) -> None:
            for one in hear:
                one(message, now)
        self._ears[topic] = ears = TopicEars(self._node, kind, topic, quality, self._window_s, each)
        self._subscriptions.append(ears.subscription)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for item in message.status:
            if item.name == full_name(self._node.get_namespace(), "guard_node"):
                self._guard_digest = values_of(item).get("guard_digest")

    def _tick(self) -> None:
        now_s = time.monotonic()
        if self._began_s is None or now_s - self._ticked_s > AWAY_S:
            for ears in (*self._ears.values(), *self._pictures.values(), self._joints, self._gripper, self._ranges):
                if ears is not None:
                    ears.forget()
            self._began_s = now_s
        self._ticked_s = now_s

    # --- what is said ---

    @property
    def listened_s(self) -> float:
        """For how long the executor has fed it [s]."""
        return 0.0 if self._began_s is None else time.monotonic() - self._began_s

    def sighting(self) -> Sighting:
        """Everything that was observed."""
        node, robot = self._node, self._robot
        topics = {}
        for name in all_topics(robot):
            ears = self._ears.get(name)
            heard = (ears.timing(), ears.frame_ids()) if ears else (Timing(), ())
            topics[name] = topic_facts(node, name, *heard)
        unheard = [name for name, topic in topics.items() if not topic.publishers]
        statuses = {name: ears.status() for name, ears in self._status.items()}
        own = node.get_fully_qualified_name()
        return Sighting(
            listened_s=self.listened_s, topics=topics, elsewhere=same_name_elsewhere(node, unheard),
            nodes=nodes_beside(node), observers=frozenset({*OBSERVERS, own}),
            joints=self._joints.joints(), gripper=self._gripper.joints(),
            pictures={key: ears.pictures() for key, ears in self._pictures.items()}, **statuses,
            guard_digest=self._guard_digest, clocks=node.count_publishers("/clock"),
            simulated_time={own: node.get_parameter("use_sim_time").value},
            clipped=self._clipped(), keys=self.keys, act_ms_p99=self.act_ms_p99,
            settings=ros_settings())

    def _clipped(self) -> dict[str, Clipped] | None:
        clipped = self._ranges.clipped() if self._ranges else None
        return clipped and {key: one for key, one in clipped.items() if self.keys is None or key in self.keys}

    def newest_gripper(self) -> tuple[float, float] | None:
        """Opening [m] and effort [N] of the gripper's last message, or None."""
        message = self._gripper.newest()
        if message is None:
            return None
        try:
            return tuple(float(values_by_name(message, field, [self._robot.gripper.joint], closed=False)[0])
                         for field in ("position", "effort"))
        except JointsRefused:
            return None

    def status(self, name: str) -> Status | None:
        """Of "guard" or "policy": the newest."""
        return self._status[name].status()

    def heard(self, topic: str) -> int:
        """How many messages came on a topic that is listened to, of those remembered."""
        return self._ears[topic].timing().heard

    def reasons(self) -> list[str]:
        """Against activation, each in one line; empty when nothing speaks against it."""
        if self.listened_s < LEAST_S:
            return [f"the preflight has listened for {self.listened_s:.1f} of {LEAST_S:g} s: ask again"]
        return [f"{finding.what}: {finding.found}; {finding.fix}"
                for finding in against_activation(self._robot, self.sighting(), self._role)]


def ros_settings() -> str:
    """Domain and reach of this process, in words."""
    reach = os.environ.get("ROS_AUTOMATIC_DISCOVERY_RANGE", "SUBNET")
    return f"ROS_DOMAIN_ID {os.environ.get('ROS_DOMAIN_ID', '0')}, discovery range {reach}"


def time_of_an_action(policy: Policy, robot: Embodiment, times: int = 40) -> float:
    """99th percentile of the time that a warm policy takes for an action [ms]; it is reset afterwards."""
    values = {key: np.zeros(channel.shape, np.uint8 if channel.kind == "image" else np.float32)
              for key in policy.observation_keys for channel in [robot.channel(key)]}
    took_ms = []
    for _ in range(times):
        began_s = time.perf_counter()
        policy.act(Observation(values, 0.0))
        took_ms.append(1e3 * (time.perf_counter() - began_s))
    policy.reset(None)
    return float(np.percentile(took_ms, 99))
