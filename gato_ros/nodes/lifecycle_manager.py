"""lifecycle_manager: brings managed nodes up in order and down in reverse order.

Up: each node is configured, then activated, again and again while its gate refuses; the next one follows only then.
Down: the last one is deactivated first. When a node is no longer active that was, those after it go down and stay down.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from std_srvs.srv import Trigger

from gato_ros.core.errors import SetupError
from gato_ros.nodes.messages.diagnosis import ERROR, OK, WARN, status
from gato_ros.nodes.runtime.parameters import ManagerParameters
from gato_ros.nodes.runtime.process import Stop, run_node
from gato_ros.nodes.runtime.qos import REPORT

NAME = "lifecycle_manager"
PERIOD_S = 0.2
"""Between two looks at the nodes' states, and between two attempts [s]."""
ANSWER_LIMIT_S = 2.0
"""A node that has not said its state by then is away [s]."""
TRANSITION_LIMIT_S = 120.0
"""A policy loads and compiles while it is configured [s]."""
DOWN_LIMIT_S = 3.0
"""How long all nodes together may take to go down when this process gets a signal to end [s]."""
AWAY, BUSY = "away", "no answer"
UP = {
    State.PRIMARY_STATE_UNCONFIGURED: Transition.TRANSITION_CONFIGURE,
    State.PRIMARY_STATE_INACTIVE: Transition.TRANSITION_ACTIVATE,
}
GOALS = {
    Transition.TRANSITION_CONFIGURE: State.PRIMARY_STATE_INACTIVE,
    Transition.TRANSITION_ACTIVATE: State.PRIMARY_STATE_ACTIVE,
    Transition.TRANSITION_DEACTIVATE: State.PRIMARY_STATE_INACTIVE,
}
PRIMARY = {State.PRIMARY_STATE_UNCONFIGURED, *GOALS.values(), State.PRIMARY_STATE_FINALIZED}
"""States in which no transition is under way."""


class ManagedClient:
    """One managed node as a manager sees it."""

    def __init__(self, node: Node, name: str):
        self.name, self.reported = name, ""
        """What its status says."""
        self.change = node.create_client(ChangeState, f"{name}/change_state")
        self.state = node.create_client(GetState, f"{name}/get_state")
        node.create_subscription(DiagnosticStatus, f"{name}/status", self._on_status, REPORT)

    def _on_status(self, message: DiagnosticStatus) -> None:
        reasons = next((item.value for item in message.values if item.key == "reasons"), "")
        self.reported = "; ".join(filter(None, (message.message, reasons)))


class LifecycleManager:
    """Works towards what is wanted, up or down, one transition at a time."""

    def __init__(self, node: Node, parameters: ManagerParameters):
        self._node = node
        names = [name.strip() for name in parameters.managed.split(",") if name.strip()]
        if not names or len(set(names)) != len(names):
            raise SetupError(
                expected="names of managed nodes, comma between, each once",
                got=repr(parameters.managed),
                fix="e.g. managed:=guard_node,policy_node",
            )
        self._nodes = [ManagedClient(node, name) for name in names]
        self._up, self._said = parameters.autostart, ""
        self._reached = 0
        """So many nodes have been active since the last request."""
        self._status = node.create_publisher(DiagnosticStatus, "~/status", REPORT)
        node.create_service(Trigger, "~/bring_up", lambda request, response: self._want(True, response))
        node.create_service(Trigger, "~/bring_down", lambda request, response: self._want(False, response))
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(node)

    def _want(self, up: bool, response: Trigger.Response) -> Trigger.Response:
        self._up, self._reached = up, 0
        response.success, response.message = True, f"{'up' if up else 'down'} is wanted; ~/status tells how far it is"
        return response

    def _state(self, managed: ManagedClient, limit_s: float = ANSWER_LIMIT_S) -> State:
        """Its state; without an id where it is away, or too busy to answer."""
        if not managed.state.service_is_ready():
            return State(label=AWAY)
        future, end_s = managed.state.call_async(GetState.Request()), time.monotonic() + limit_s
        while not future.done():
            self._executor.spin_once(timeout_sec=0.05)
            if time.monotonic() > end_s:
                managed.state.remove_pending_request(future)
                return State(label=BUSY)
        return future.result().current_state

    def _change(self, managed: ManagedClient, transition: int, limit_s: float, stop: Stop | None = None) -> bool:
        """Whether the transition was made.

        On a busy machine a node may answer before it has found our client, and then nothing is received of it: its
        state is read too. While it is on its way it says that of a transition, or nothing.
        """
        request, end_s = ChangeState.Request(transition=Transition(id=transition)), time.monotonic() + limit_s
        future = managed.change.call_async(request)
        called_s = time.monotonic()
        while not future.done() and time.monotonic() < end_s and not stop:
            self._executor.spin_once(timeout_sec=0.05)
            if time.monotonic() - called_s > ANSWER_LIMIT_S:
                state = self._state(managed, max(0.05, min(ANSWER_LIMIT_S, end_s - time.monotonic())))
                called_s = time.monotonic()
                if state.id in PRIMARY and not future.done():
                    managed.change.remove_pending_request(future)
                    return state.id == GOALS[transition]
        if not future.done():
            managed.change.remove_pending_request(future)
            return False
        return future.result().success

    def _bring_up(self, stop: Stop) -> tuple[bytes, str]:
        """One transition of the first node that is not active yet; what there is to say."""
        for number, managed in enumerate(self._nodes):
            state = self._state(managed)
            if state.id == State.PRIMARY_STATE_ACTIVE:
                self._reached = max(self._reached, number + 1)
            elif number < self._reached and state.label != BUSY:
                # Something went wrong, or somebody else decided: not ours to undo, but nobody goes on without it.
                self._bring_down(self._nodes[number + 1 :], TRANSITION_LIMIT_S)
                return WARN, f"{managed.name} is no longer active, until ~/bring_up: {managed.reported or state.label}"
            elif state.id not in UP or not self._change(managed, UP[state.id], TRANSITION_LIMIT_S, stop):
                return WARN, f"waiting for {managed.name}: {managed.reported or state.label}"
            else:
                return WARN, f"bringing up {managed.name}"
        return OK, "up"

    def _bring_down(self, nodes: Sequence[ManagedClient], limit_s: float) -> tuple[bytes, str]:
        """Deactivate in reverse order; while one refuses, it still holds the arm, and those before it are kept."""
        end_s = time.monotonic() + limit_s
        for managed in reversed(nodes):
            left_s = lambda: max(0.05, end_s - time.monotonic())
            if self._state(managed, min(ANSWER_LIMIT_S, left_s())).id != State.PRIMARY_STATE_ACTIVE:
                continue
            if not self._change(managed, Transition.TRANSITION_DEACTIVATE, left_s()):
                return ERROR, f"{managed.name} does not go down: {managed.reported or 'no answer'}"
        return OK, "down"

    def _say(self, level: bytes, message: str) -> None:
        if message != self._said:
            self._said = message
            self._node.get_logger().info(message)
        self._status.publish(
            status(self._node, "", level, message, {"managed": ",".join(managed.name for managed in self._nodes)})
        )

    def run(self, stop: Stop) -> None:
        said, down = (OK, "down"), not self._up
        while not stop:
            if self._up:
                said, down = self._bring_up(stop), False
            elif not down:
                said = self._bring_down(self._nodes, TRANSITION_LIMIT_S)
                down = said[0] == OK
            self._say(*said)
            end_s = time.monotonic() + PERIOD_S
            while time.monotonic() < end_s and not stop:
                self._executor.spin_once(timeout_sec=0.05)
        self._say(*self._bring_down(self._nodes, DOWN_LIMIT_S))


def main() -> int:
    return run_node(NAME, ManagerParameters, LifecycleManager)


if __name__ == "__main__":
    sys.exit(main())
