"""What a model refuses while running; a caller in a control loop turns it into a stop."""

from __future__ import annotations


class NonFiniteError(ValueError):
    """A NaN or an infinity where a number is needed; the message names the place."""
