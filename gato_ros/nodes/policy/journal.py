"""What every step of a policy was made of and what came of it: enough to do it again."""

from __future__ import annotations

import json
from collections.abc import Mapping

from builtin_interfaces.msg import Time
from rclpy.node import Node
from std_msgs.msg import String

from gato_ros.core.decision import Decision
from gato_ros.core.observation import Observation
from gato_ros.core.policy import Policy
from gato_ros.core.prompt import Prompt
from gato_ros.core.records.exact_json import encode
from gato_ros.core.text import text_from_value
from gato_ros.embodiments import Embodiment
from gato_ros.nodes.messages.clocks import nanoseconds
from gato_ros.nodes.runtime.parameters import PolicyParameters
from gato_ros.nodes.runtime.qos import JOURNAL
from gato_ros.remote.host import installed_versions

ABOUT_EVERY = 20
"""Steps between two that say which policy it is."""


def in_words(error: Exception) -> str:
    """As a failure is published and recorded."""
    return f"{type(error).__name__}: {error}"


class PolicyJournal:
    """Publishes `~/journal`: JSON for every step, after its proposal, and only where somebody listens. One thread."""

    def __init__(self, node: Node, policy: Policy, robot: Embodiment, parameters: PolicyParameters):
        self._robot, self._ticks = robot, 0
        self._publisher = node.create_publisher(String, "~/journal", JOURNAL)
        served = policy.info.served
        self._about = {
            # The server's name for it: a replay loads it by that.
            "policy": parameters.policy if served is None else served.policy,
            "weights": policy.info.digest,
            "precision": parameters.precision if served is None else served.precision,
            "embodiment": parameters.embodiment,
            "contract": robot.digest,
            "versions": installed_versions() if served is None else dict(served.packages),
        }
        if served is not None:
            self._about["server"] = parameters.policy
        self._prompt: dict[str, str] | None = None
        self._prompt_file = lambda: node.get_parameter("prompt").value
        self._number, self._since_reset, self._until_about = 0, 0, 0

    def began(self, prompt: Prompt | None) -> None:
        """The policy was reset."""
        self._since_reset = self._until_about = 0
        self._prompt = prompt and {"file": self._prompt_file(), "sha256": prompt.digest, "taken": prompt.taken}

    def write(
        self,
        observation: Observation,
        sources: Mapping[str, float],
        decision: Decision | None = None,
        stamp: Time | None = None,
        failure: Exception | None = None,
    ) -> None:
        """Publish one step; `sources` are the stamps of what it was made of, `stamp` the proposal's."""
        trace = decision.trace if decision else getattr(failure, "trace", None)
        self._ticks = trace.ticks if trace else self._ticks
        tokens = trace and trace.tokens
        self._number, since_reset = self._number + 1, self._since_reset
        self._since_reset += 1
        if not self._publisher.get_subscription_count():
            self._until_about = 0
            return
        texts = {
            key: value for key, value in observation.values.items() if self._robot.observations[key].kind == "text"
        }
        entry = {
            "n": self._number,
            "since_reset": since_reset,
            "ticks": self._ticks,
            "sources": dict(sources),
            "texts": {key: text_from_value(value) for key, value in texts.items()},
            "ids": tokens and tokens.ids.tolist(),
            "patches_crc32": tokens and tokens.patches_crc32,
            "action_ids": trace and trace.ids.tolist(),
            "action": decision and encode(decision.action.as_vector()),
            "stamp_ns": stamp and nanoseconds(stamp),
            "failure": failure and in_words(failure),
        }
        if self._until_about <= 0:
            entry["about"], self._until_about = {**self._about, "prompt": self._prompt}, ABOUT_EVERY
        self._until_about -= 1
        self._publisher.publish(String(data=json.dumps(entry)))
