"""What a policy thought at every step, for whoever looks on; and whether it knew what to do."""

from __future__ import annotations

import array

import numpy as np
from rclpy.node import Node
from std_msgs.msg import Float32MultiArray, MultiArrayDimension

from gato_ros.core.decision import Decision
from gato_ros.core.prompt import Prompt
from gato_ros.core.uncertainty import UncertaintyHold
from gato_ros.nodes.runtime.qos import REPORT

LABELS = ("action", "token", "probability", "entropy_nat", "logit_margin", "context_tokens", "latency_ms", "held")
"""Parts of the message in their order, five numbers each (vx vy vz wz opening) up to the margin. Then: tokens in the
memory and in the window; milliseconds to assemble, to tokenise, for the forward pass and to publish; 1 where the step
was not proposed."""


def labelled(parts: dict[str, np.ndarray], prompt: str) -> Float32MultiArray:
    """A message for these parts end to end, without their numbers; the prompt in use is a label that has none."""
    message = Float32MultiArray()
    sizes = [*((name, len(part)) for name, part in parts.items()), (f"prompt: {prompt}", 0)]
    message.layout.dim = [MultiArrayDimension(label=name, size=size, stride=size) for name, size in sizes]
    return message


class Introspection:
    """Publishes `~/introspection` after every step, and only where somebody listens. One thread."""

    def __init__(self, node: Node, hold_above_entropy: float):
        self._hold = UncertaintyHold(hold_above_entropy)
        self._publisher = node.create_publisher(Float32MultiArray, "~/introspection", REPORT)
        self._prompt = "none"
        self._message: Float32MultiArray | None = None
        self.doubt = ""
        """Why the last step was not proposed; nothing where it was."""

    def began(self, prompt: Prompt | None) -> None:
        """The policy was reset."""
        self._prompt, self.doubt, self._message = str(prompt or "none"), "", None
        self._hold.reset()

    def look(self, decision: Decision) -> bool:
        """Judge a step that the policy has just made; whether a doubt began or ended with it."""
        entropy = decision.trace and decision.trace.entropy_nat
        before, self.doubt = self.doubt, self._hold.look(entropy)
        return bool(before) != bool(self.doubt)

    def write(self, decision: Decision, assemble_s: float, act_s: float, publish_s: float) -> None:
        """Publish the step; of a policy without tokens all that is not known is NaN.

        Args:
            assemble_s: the time that it took to make the observation [s].
            act_s: to make the action of it.
            publish_s: to send the proposal.
        """
        if not self._publisher.get_subscription_count():
            return
        values, trace = decision.action.as_vector(), decision.trace
        unknown = np.full(len(values), np.nan)
        tokenise_s, forward_s = (trace.tokenise_s, trace.forward_s) if trace else (0.0, act_s)
        parts = {
            "action": values,
            "token": trace.ids if trace else unknown,
            "probability": trace.probability if trace else unknown,
            "entropy_nat": trace.entropy_nat if trace else unknown,
            "logit_margin": trace.logit_margin if trace else unknown,
            "context_tokens": np.array(trace.context_tokens if trace else (np.nan, np.nan)),
            "latency_ms": 1e3 * np.array((assemble_s, tokenise_s, forward_s, publish_s)),
            "held": np.array([float(bool(self.doubt))]),
        }
        if self._message is None:  # once an episode: to make the labels takes longer than all the rest
            self._message = labelled(parts, self._prompt)
        self._message.data = array.array("f", np.concatenate(list(parts.values())).astype(np.float32).tobytes())
        self._publisher.publish(self._message)
