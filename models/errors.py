"""What a model refuses while running; a caller in a control loop turns it into a stop."""

from __future__ import annotations

from gato_ros.core.decision import Trace


class NonFiniteError(ValueError):
    """A NaN or an infinity where a number is needed; the message names the place."""

    def __init__(self, message: str, trace: Trace | None = None):
        """`trace`: how far a policy had come with its tick."""
        super().__init__(message)
        self.trace = trace
