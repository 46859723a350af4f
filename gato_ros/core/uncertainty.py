"""A policy that does not know what to do: the entropy of its actions, looked at over some control periods."""

from __future__ import annotations

import numpy as np

HOLD_PERIODS = 5
"""A doubt that lasts shorter is none: single steps between two parts of a task are always uncertain."""


def held_above(entropies: np.ndarray, periods: int = HOLD_PERIODS) -> float:
    """The smallest bound [nat] at which `UncertaintyHold` lets the whole of an episode pass.

    Args:
        entropies: [steps] what it is shown at each step; an episode shorter than `periods` is never held.
    """
    if len(entropies) < periods:
        return 0.0
    return float(np.lib.stride_tricks.sliding_window_view(entropies, periods).min(1).max())


class UncertaintyHold:
    """Tells when the mean entropy of the action dimensions was above a bound for HOLD_PERIODS steps in a row."""

    def __init__(self, above_nat: float):
        """`above_nat` [nat]: 0 never holds."""
        self._above_nat, self._steps = above_nat, 0

    def reset(self) -> None:
        """A new episode."""
        self._steps = 0

    def look(self, entropy: np.ndarray | None) -> str:
        """Why nothing is to be proposed at this step, or nothing.

        Args:
            entropy: [actions] [nat]; None of a policy that has none, which is never held.
        """
        if not self._above_nat or entropy is None or np.mean(entropy) <= self._above_nat:
            self._steps = 0
            return ""
        self._steps += 1
        if self._steps < HOLD_PERIODS:
            return ""
        return (
            f"uncertain: mean entropy {np.mean(entropy):.2f} nat, above {self._above_nat:g} for {self._steps} "
            "control periods"
        )
