"""How often the steps of a policy's own episodes count, by how these ended.

Both end in weighted cloning of what the policy did itself, in the manner of RoboCat's self-improvement (Bousmalis et
al. 2023). `success_weights`: only what succeeded counts. `advantage_weights`: advantage-weighted regression (AWR, Peng
et al. 2019): a step counts by exp(advantage / temperature), so that good steps of a failed episode teach, too, and bad
ones of a success teach little. A weight is how often a step is drawn, which is in the mean what a factor of its loss
would be.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

TRACE = 0.95
"""How much of what comes after the next step counts for a step: TD(lambda), the value in Peng et al. 2019."""
LARGEST = 20.0
"""No step counts more than this, as there: a value that is wrong once may not fill a batch."""


def success_weights(lengths: Sequence[int], succeeded: Sequence[bool]) -> list[np.ndarray]:
    """[steps] of each episode. A success counts once, however long it took: its steps share that.

    A slow success has more steps, most of them before it went on; each of them teaches less.

    Args:
        lengths: steps of each episode.
        succeeded: how each ended.
    """
    return [np.full(length, good / max(1, length)) for length, good in zip(lengths, succeeded)]


def advantages(values: np.ndarray, succeeded: bool, trace: float = TRACE) -> np.ndarray:
    """[N] how much better than expected it went on from each step of an episode, as a difference of probabilities.

    There is one reward, 1 at the end of a success: what an episode returns from a step on is a mean of the values of
    the steps behind it and of the outcome, TD(lambda) without discount.

    Args:
        values: [N] probability of success at each step, in order.
        succeeded: how it ended.
        trace: lambda; 1 compares each step with the outcome alone, 0 with the next step's value alone.
    """
    out = np.empty(len(values))
    ahead = following = float(succeeded)
    for step in range(len(values) - 1, -1, -1):
        ahead = (1.0 - trace) * following + trace * ahead
        following = float(values[step])
        out[step] = ahead - following
    return out


def advantage_weights(found: np.ndarray, temperature: float, largest: float = LARGEST) -> np.ndarray:
    """[N] weights of steps with these advantages [N]: exp(advantage / temperature), at most `largest`."""
    return np.exp(np.minimum(np.asarray(found, np.float64) / temperature, np.log(largest)))


def mixed(own: np.ndarray, demonstrations: int, share: float) -> np.ndarray:
    """[demonstrations + N] weights: the demonstrations, all alike, fill `share` of what is drawn, and come first.

    Args:
        own: [N] weights of the policy's own steps, some of them above 0.
        demonstrations: how many steps of them there are.
        share: in [0, 1); without demonstrations it counts for nothing.
    """
    if not demonstrations:
        return own
    return np.concatenate([np.full(demonstrations, share / demonstrations), (1.0 - share) * own / own.sum()])


def effective_steps(weights: np.ndarray) -> float:
    """How many steps of equal weight would tell as much (Kish 1965): few, where few steps have most of the weight."""
    total = float((weights**2).sum())
    return float(weights.sum()) ** 2 / total if total else 0.0
