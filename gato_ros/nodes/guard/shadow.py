"""Shadow mode: what the robot would be commanded if the policy were in command. Nothing of it reaches the robot."""

from __future__ import annotations

from collections.abc import Mapping

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.node import Node

from gato_ros.core.guard.agreement import agreement
from gato_ros.core.guard.arbiter import HUMAN, POLICY
from gato_ros.core.guard.guard import Guard
from gato_ros.core.guard.proposal import Proposal, RobotState
from gato_ros.core.timing.freshness import Instant
from gato_ros.embodiments import Embodiment
from gato_ros.nodes.guard.command_publisher import CommandPublisher
from gato_ros.nodes.messages.diagnosis import OK, WARN, status
from gato_ros.nodes.runtime.qos import REPORT

ARM, GRIPPER, BASE, STATUS = "shadow/joint_velocity", "shadow/gripper", "shadow/base", "shadow/status"
"""Topics; the robot listens to none of them."""


class GuardShadow:
    """A second guard that follows the policy only; its commands, verdicts and agreement with the human are published.

    It judges the real joint states, which do not follow it: limits and walls are those of where the arm really is.
    """

    def __init__(self, node: Node, robot: Embodiment, guard: Guard, human_validity_s: float):
        self._node, self._robot, self._guard, self._human_validity_s = node, robot, guard, human_validity_s
        self._commands = CommandPublisher(node, robot, ARM, GRIPPER, BASE, timing=False)
        self._status = node.create_publisher(DiagnosticStatus, STATUS, REPORT)

    def reset(self, state: RobotState | None, now: Instant, *neighbours: Mapping) -> str | None:
        """As the guard's own."""
        return self._guard.reset(state, now, *neighbours)

    def step(
        self,
        proposals: Mapping[str, Proposal | None],
        proposed: Time | None,
        state: RobotState | None,
        now: Instant,
        *neighbours: Mapping,
    ) -> None:
        """Publish what the policy's newest proposal, stamped `proposed`, would have made of this instant."""
        policy, human = proposals[POLICY], proposals[HUMAN]
        command, verdict = self._guard.step({POLICY: policy}, state, now, *neighbours)
        self._commands.publish(command, verdict, proposed if verdict.following else None, state)
        values = {
            "reasons": ",".join(verdict.reasons),
            "source": verdict.source,
            "proposal_age_ms": f"{verdict.proposal_age_s * 1e3:.1f}",
        }
        same = self._robot.usual_actions  # a person's twist and a policy's joints have no agreement
        if (
            same
            and verdict.following
            and human is not None
            and now.steady_s - human.received_s < self._human_validity_s
        ):
            values |= {name: f"{value:.4f}" for name, value in vars(agreement(policy, human)).items()}
        self._status.publish(
            status(self._node, self._robot.name, OK if verdict.following else WARN, verdict.level.value, values)
        )
