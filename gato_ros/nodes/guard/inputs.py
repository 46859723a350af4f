"""Everything that the guard receives: joint states, also of other arms, proposals of both sources, emergency stops."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from geometry_msgs.msg import TwistStamped
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.subscription import Subscription
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool

from gato_ros.core.guard.arbiter import HUMAN, POLICY
from gato_ros.core.guard.neighbours.neighbour import NeighbourState
from gato_ros.core.guard.proposal import Proposal, RobotState
from gato_ros.embodiments import Embodiment
from gato_ros.embodiments.kinematics import Kinematics
from gato_ros.nodes.guard.neighbour_input import NeighbourInput
from gato_ros.nodes.guard.proposal_pair import ProposalPair, ProposalRefused
from gato_ros.nodes.messages.clocks import seconds
from gato_ros.nodes.messages.joint_state import JointsRefused, OtherJoints, values_by_name
from gato_ros.nodes.messages.proposal import arm_message
from gato_ros.nodes.runtime.qos import COMMAND, PROPOSAL, STATE_IN


class GuardInputs:
    """The newest of everything; what does not fit the contract is refused and counted.

    Args:
        latching: wraps a callback, so that one that fails latches the guard.
        hurry: a proposal is whole, or one is gone: step now.
        press: the emergency stop's topic says pressed or released.
    """

    def __init__(
        self,
        node: Node,
        robot: Embodiment,
        latching: Callable[[Callable], Callable],
        hurry: Callable[[], None],
        press: Callable[[bool], None],
    ):
        self._node, self._robot, self._latching, self._hurry = node, robot, latching, hurry
        self._kinematics = Kinematics(robot)
        self.pairs = {source: ProposalPair(source, robot) for source in (HUMAN, POLICY)}
        self._joints_received: tuple[np.ndarray, np.ndarray, float, float] | None = None
        self._state: RobotState | None = None
        self.counts = {"refused_joint_states": 0, "refused_proposals": 0, "deadlines_missed": 0, "liveliness_lost": 0}
        self.last_refusal, self._hurried_s = "", {True: 0.0, False: 0.0}
        wire = robot.wire
        self._joints = self._subscribe(JointState, wire.joint_states.topic, self._on_joints, STATE_IN)
        self._neighbours = {name: NeighbourInput(robot, name) for name in robot.guard_neighbours}
        for name, neighbour in self._neighbours.items():
            self.counts[f"refused_states_of_{name}"] = 0
            self._subscribe(JointState, neighbour.topic, self._of_neighbour(name, neighbour), STATE_IN)
        self._subscribe(Bool, "e_stop", lambda message: press(message.data), COMMAND)
        # A joystick's node need not offer a deadline; the guard's own steps judge both.
        for source, quality, kind, arm, gripper in (
            (HUMAN, COMMAND, TwistStamped, wire.human_twist, wire.human_gripper),
            (POLICY, PROPOSAL, arm_message(robot), *robot.proposal_topics),
        ):
            pair = self.pairs[source]
            self._subscribe(kind, arm, self._half(pair, pair.on_twist), quality, pair)
            self._subscribe(JointState, gripper, self._half(pair, pair.on_gripper), quality, pair)
        if robot.base_part is not None:  # of a policy alone: operators' nodes know of no base
            pair = self.pairs[POLICY]
            self._subscribe(TwistStamped, robot.base_topics[0], self._half(pair, pair.on_base), PROPOSAL, pair)

    @property
    def state(self) -> RobotState | None:
        """The newest, with its kinematics; those that nobody asks for cost none: some robots speak at 1 kHz."""
        if self._joints_received is not None:
            self._state, self._joints_received = self._kinematics.state(*self._joints_received), None
        return self._state

    def neighbours(self) -> dict[str, NeighbourState | None]:
        """The newest state of each other arm that the contract names."""
        return {name: neighbour.state for name, neighbour in self._neighbours.items()}

    def proposals(self) -> dict[str, Proposal | None]:
        """The newest whole proposal of each source."""
        return {source: pair.newest for source, pair in self.pairs.items()}

    def take_joints(self) -> None:
        """Take the joint states that have arrived: for callbacks that wait for them, as transitions do."""
        with self._joints.handle:
            while (taken := self._joints.handle.take_message(JointState, False)) is not None:
                self._on_joints(taken[0])

    def _subscribe(
        self, kind: type, topic: str, callback: Callable, quality, pair: ProposalPair | None = None
    ) -> Subscription:
        def incompatible(event) -> None:
            self.last_refusal = f"{topic}: a publisher of another quality of service ({event.last_policy_kind!s})"
            self._node.get_logger().warning(self.last_refusal)

        events = SubscriptionEventCallbacks(incompatible_qos=self._latching(incompatible))
        if quality is PROPOSAL:
            events.deadline = self._latching(lambda event: self._count("deadlines_missed", event.total_count_change))
            events.liveliness = self._latching(lambda event: self._on_liveliness(pair, event.alive_count))
        return self._node.create_subscription(kind, topic, self._latching(callback), quality, event_callbacks=events)

    def _count(self, what: str, more: int = 1) -> None:
        self.counts[what] += more

    def _refuse(self, what: str, why: str) -> None:
        self._count(f"refused_{what}")
        self.last_refusal = f"{what}: {why}"

    def _on_liveliness(self, pair: ProposalPair, alive: int) -> None:
        if alive or pair.newest is None:
            return
        self._count("liveliness_lost")
        # Not on the word of a busy middleware alone: one that has just proposed is alive.
        if time.monotonic() - pair.newest.received_s > 1.0 / self._robot.control_rate_hz:
            pair.forget()
            self._hurry()

    def _on_joints(self, message: JointState) -> None:
        received_s, names = time.monotonic(), self._robot.arm.joints
        try:
            position = values_by_name(message, "position", names, closed=False)
            velocity = values_by_name(message, "velocity", names, closed=False)
        except OtherJoints as refusal:
            # Another device's state on the same topic, as long as somebody publishes the arm's: ages judge that.
            if self._state is None and self._joints_received is None:
                self._refuse("joint_states", str(refusal))
            return
        except JointsRefused as refusal:
            return self._refuse("joint_states", str(refusal))
        self._joints_received = (position, velocity, seconds(message.header.stamp), received_s)

    def _of_neighbour(self, name: str, neighbour: NeighbourInput) -> Callable:
        def receive(message: JointState) -> None:
            try:
                neighbour.receive(message)
            except JointsRefused as refusal:
                self._refuse(f"states_of_{name}", str(refusal))

        return receive

    def _half(self, pair: ProposalPair, take: Callable) -> Callable:
        def receive(message) -> None:
            try:
                whole = take(message)
            except ProposalRefused as refusal:
                return self._refuse("proposals", str(refusal))
            # Followed at once: it would wait for the next step else. Of a flood the rest does wait; finite ones and
            # others have one limit each, so that NaN never waits because a good one has just come.
            finite = whole and pair.newest.finite
            if whole and pair.newest.received_s - self._hurried_s[finite] > 0.5 / self._robot.control_rate_hz:
                self._hurried_s[finite] = pair.newest.received_s
                self._hurry()

        return receive
