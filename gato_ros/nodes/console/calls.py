"""What the page can ask of the nodes: services that exist, and nothing else. Nothing waits for the answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.srv import SetParameters
from rclpy.node import Node
from rclpy.parameter import Parameter
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger

from gato_ros.nodes.policy.weights_choice import INACTIVE
from gato_ros.nodes.runtime.qos import REPORT

PATIENCE_S, LOADING_S = 5.0, 180.0
"""An answer that takes longer [s] is said to be missing; weights are loaded and compiled."""
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
    "policy": ("policy_node", "policy"),
}
"""Verb -> node and the parameter that it sets."""
NO_PROMPT, TRY = "no_prompt", "policy_try"
"""Steps: forget the prompt; ask whether weights fit before anything is brought down for them."""
TRANSITIONS = {
    "policy_deactivate": Transition.TRANSITION_DEACTIVATE,
    "policy_cleanup": Transition.TRANSITION_CLEANUP,
    "policy_configure": Transition.TRANSITION_CONFIGURE,
    "policy_activate": Transition.TRANSITION_ACTIVATE,
}
"""Step -> transition of policy_node."""
STEPS = {
    "task": ("task", "reset_policy"),
    "prompt": ("prompt", "reload_prompt", "reset_policy"),
    # A prompt that the weights before took may be none for the others.
    "policy": (TRY, "policy_deactivate", "policy", NO_PROMPT, "policy_cleanup", "policy_configure"),
}
"""Verb -> what is done for it in turn, each where the one before succeeded; any other verb is one step."""
WITHOUT_MANAGER = {"bring_up": ("policy_configure", "policy_activate"), "bring_down": ("policy_deactivate",)}
"""The same where no lifecycle_manager runs: then the guard brought itself up."""
MAY_FAIL = ("policy_deactivate", "policy_cleanup", "policy_configure")
"""Nothing to do is no failure: where a policy is not in the state that it should be in, the next step is refused."""
VERBS = (*TRIGGERS, *SWITCHES, *SETTINGS, "ask")
"""What a browser may order."""


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
    step: str
    then: tuple[str, ...]
    text: str

    @property
    def patience_s(self) -> float:
        return LOADING_S if self.step == "policy_configure" else PATIENCE_S


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
        self._clients |= {NO_PROMPT: self._clients["prompt"], TRY: self._clients["policy"]}
        self._clients |= {step: client(ChangeState, "policy_node/change_state") for step in TRANSITIONS}
        self._question = node.create_publisher(String, "policy_node/ask", REPORT)
        self._waiting: list[_Waiting] = []

    @property
    def waiting(self) -> bool:
        """Whether an answer is awaited."""
        return bool(self._waiting)

    def available(self) -> dict[str, bool]:
        """Verb -> whether somebody offers it now."""
        found = {verb: all(map(self._offered, self._steps(verb))) for verb in VERBS if verb != "ask"}
        return {**found, "ask": self._question.get_subscription_count() > 0}

    def _offered(self, step: str) -> bool:
        return self._clients[step].service_is_ready()

    def _steps(self, verb: str) -> tuple[str, ...]:
        if verb in WITHOUT_MANAGER and not self._offered(verb) and self._offered("policy_activate"):
            return WITHOUT_MANAGER[verb]
        return STEPS.get(verb, (verb,))

    def carry_out(self, verb: str, text: str, answer: Callable[[Answer], None]) -> None:
        """Do one thing, and what has to follow it; `answer` is called once, now or from `look`."""
        if verb == "ask":
            there = self._question.get_subscription_count() > 0
            if there:
                self._question.publish(String(data=text))
            return answer(Answer(verb, there, "published" if there else "nobody"))
        self._call(verb, text, answer, self._steps(verb))

    def _call(self, verb: str, text: str, answer: Callable[[Answer], None], steps: tuple[str, ...]) -> None:
        step, *then = steps
        client = self._clients[step]
        if not client.service_is_ready():
            return answer(Answer(verb, False, "nobody", self._node.resolve_service_name(client.srv_name)))
        future = client.call_async(self._request(step, text))
        self._waiting.append(_Waiting(verb, future, client, time.monotonic(), answer, step, tuple(then), text))

    def _request(self, step: str, text: str) -> Any:
        if step in SWITCHES:
            return SetBool.Request(data=SWITCHES[step][1])
        if step in TRANSITIONS:
            return ChangeState.Request(transition=Transition(id=TRANSITIONS[step]))
        if step in SETTINGS or step in (NO_PROMPT, TRY):
            name, value = {NO_PROMPT: ("prompt", ""), TRY: ("policy", text)}.get(step) or (SETTINGS[step][1], text)
            return SetParameters.Request(parameters=[Parameter(name, value=value).to_parameter_msg()])
        return Trigger.Request()

    def look(self) -> None:
        """Pass on what was answered meanwhile."""
        for one in list(self._waiting):
            if one.future.done():
                self._waiting.remove(one)
                success, message = _read(one.future.result())
                if one.then and (success or one.step in MAY_FAIL or (one.step == TRY and INACTIVE in message)):
                    self._call(one.verb, one.text, one.answer, one.then)
                else:
                    one.answer(Answer(one.verb, success, "answered", message))
            elif time.monotonic() - one.called_s > one.patience_s:
                self._waiting.remove(one)
                one.client.remove_pending_request(one.future)
                one.answer(Answer(one.verb, False, "silent"))


def _read(response: Any) -> tuple[bool, str]:
    if hasattr(response, "results"):
        bad = [result.reason for result in response.results if not result.successful]
        return not bad, "; ".join(bad)
    return response.success, getattr(response, "message", "")
