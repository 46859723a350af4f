"""What the page can ask of the nodes: services that exist, and nothing else. Nothing waits for the answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rcl_interfaces.srv import SetParameters
from rclpy.node import Node
from rclpy.parameter import Parameter
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger

from gato_ros.nodes.runtime.qos import REPORT

PATIENCE_S = 5.0
"""An answer that takes longer [s] is said to be missing."""
TRIGGERS = {
    "reset": "guard_node/reset",
    "bring_up": "lifecycle_manager/bring_up",
    "bring_down": "lifecycle_manager/bring_down",
    "reset_policy": "policy_node/reset",
    "reload_prompt": "policy_node/reload_prompt",
    "reset_simulator": "sim_node/reset",
    "record_start": "recorder_node/start",
    "record_success": "recorder_node/stop_success",
    "record_fail": "recorder_node/stop_fail",
    "record_discard": "recorder_node/discard",
    "record_redo": "recorder_node/redo",
    "record_mark": "recorder_node/mark",
}
SWITCHES = {
    "stop": ("guard_node/emergency_stop", True),
    "release_stop": ("guard_node/emergency_stop", False),
    "propose": ("policy_node/propose", True),
    "be_silent": ("policy_node/propose", False),
}
SETTINGS = {
    "task": ("policy_node", "task"),
    "record_task": ("recorder_node", "task"),
    "prompt": ("policy_node", "prompt"),
}
"""Verb -> node and the parameter that it sets."""
THEN = {"task": ("reset_policy",), "prompt": ("reload_prompt", "reset_policy")}
"""What has to follow, so that the policy takes it: each where the one before succeeded."""
VERBS = (*TRIGGERS, *SWITCHES, *SETTINGS, "ask")


@dataclass(frozen=True)
class Answer:
    """What became of a request."""

    verb: str
    success: bool
    word: str
    """answered, published, nobody (offers it), or silent (no answer in time)."""
    message: str = ""
    """The node's own words."""


@dataclass(frozen=True)
class _Waiting:
    verb: str
    future: Any
    client: Any
    called_s: float
    answer: Callable[[Answer], None]
    then: tuple[str, ...]


class Calls:
    """Clients of the loop's nodes. One thread."""

    def __init__(self, node: Node):
        self._node = node
        clients: dict[str, Any] = {}

        def client(kind: type, name: str) -> Any:
            if name not in clients:
                clients[name] = node.create_client(kind, name)
            return clients[name]

        self._clients = {verb: client(Trigger, name) for verb, name in TRIGGERS.items()}
        self._clients |= {verb: client(SetBool, name) for verb, (name, _) in SWITCHES.items()}
        self._clients |= {verb: client(SetParameters, f"{name}/set_parameters") for verb, (name, _) in SETTINGS.items()}
        self._question = node.create_publisher(String, "policy_node/ask", REPORT)
        self._waiting: list[_Waiting] = []

    @property
    def waiting(self) -> bool:
        """Whether an answer is awaited."""
        return bool(self._waiting)

    def available(self) -> dict[str, bool]:
        """Verb -> whether somebody offers it now."""
        found = {verb: client.service_is_ready() for verb, client in self._clients.items()}
        return {**found, "ask": self._question.get_subscription_count() > 0}

    def carry_out(
        self, verb: str, text: str, answer: Callable[[Answer], None], then: tuple[str, ...] | None = None
    ) -> None:
        """Do one thing, and what has to follow it; `answer` is called once, now or from `look`."""
        if verb == "ask":
            there = self._question.get_subscription_count() > 0
            if there:
                self._question.publish(String(data=text))
            return answer(Answer(verb, there, "published" if there else "nobody"))
        client = self._clients[verb]
        if not client.service_is_ready():
            return answer(Answer(verb, False, "nobody", self._node.resolve_service_name(client.srv_name)))
        future = client.call_async(self._request(verb, text))
        then = THEN.get(verb, ()) if then is None else then
        self._waiting.append(_Waiting(verb, future, client, time.monotonic(), answer, then))

    def _request(self, verb: str, text: str) -> Any:
        if verb in SWITCHES:
            return SetBool.Request(data=SWITCHES[verb][1])
        if verb in SETTINGS:
            return SetParameters.Request(parameters=[Parameter(SETTINGS[verb][1], value=text).to_parameter_msg()])
        return Trigger.Request()

    def look(self) -> None:
        """Pass on what was answered meanwhile."""
        for one in list(self._waiting):
            if one.future.done():
                self._waiting.remove(one)
                success, message = _read(one.future.result())
                if success and one.then:
                    self.carry_out(one.then[0], "", one.answer, one.then[1:])
                else:
                    one.answer(Answer(one.verb, success, "answered", message))
            elif time.monotonic() - one.called_s > PATIENCE_S:
                self._waiting.remove(one)
                one.client.remove_pending_request(one.future)
                one.answer(Answer(one.verb, False, "silent"))


def _read(response: Any) -> tuple[bool, str]:
    if hasattr(response, "results"):
        bad = [result.reason for result in response.results if not result.successful]
        return not bad, "; ".join(bad)
    return response.success, response.message
