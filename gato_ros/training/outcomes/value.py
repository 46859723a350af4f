"""The value of a step: how likely the episode ends well from here, read off the policy's own features.

A logistic regression on the feature of the separator, which has seen pictures and proprioception, and on the time that
is gone. Not a head that is trained with the policy: few episodes carry one bit each, which a network of a million
weights would learn by heart; this has one weight for each number of the feature, is fitted in a second, always to the
same result, and cannot harm the policy. What it cannot read off linearly stays in the advantage as noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RIDGE = 0.01
"""Pull of the weights of standardised features towards 0."""
FOLDS = 4
NEWTON_STEPS = 30


@dataclass(frozen=True)
class OutcomeValue:
    """Features to a probability of success."""

    mean: np.ndarray
    """[n] of the features."""
    spread: np.ndarray
    """[n] of the features."""
    weights: np.ndarray
    """[n + 1] of the standardised features, and the constant last."""

    def probability(self, features: np.ndarray) -> np.ndarray:
        """[N] of features [N n]."""
        return _probability(_design(features, self.mean, self.spread), self.weights)


def fitted(features: Sequence[np.ndarray], succeeded: Sequence[bool]) -> OutcomeValue:
    """The value that explains how episodes ended.

    Targets are not 0 and 1 but what Platt 1999 fits: with few episodes nothing is certain, and where all ended alike
    there is a finite answer.

    Args:
        features: [steps n] of each episode, at least one.
        succeeded: how each ended.
    """
    good = sum(succeeded)
    up, down = (good + 1.0) / (good + 2.0), 1.0 / (len(succeeded) - good + 2.0)
    rows = np.concatenate(features).astype(np.float64)
    targets = np.concatenate([np.full(len(part), up if end else down) for part, end in zip(features, succeeded)])
    mean, spread = rows.mean(0), rows.std(0)
    spread[spread < 1e-6] = 1.0
    return OutcomeValue(mean, spread, _newton(_design(rows, mean, spread), targets))


def cross_fitted(features: Sequence[np.ndarray], succeeded: Sequence[bool], folds: int = FOLDS) -> list[np.ndarray]:
    """[steps] values of each episode, by what was fitted on the others: no value has seen how its episode ends.

    One that had would call every success likely from its first step, and nothing would be an advantage.

    Args:
        features: [steps n] of each episode, two at least (ValueError).
        succeeded: how each ended.
    """
    count = len(features)
    if count < 2:
        raise ValueError(f"a value needs two episodes, got {count}")
    out: list[np.ndarray] = [np.empty(0)] * count
    for fold in range(min(folds, count)):
        held = range(fold, count, folds)
        others = [place for place in range(count) if place not in held]
        value = fitted([features[place] for place in others], [succeeded[place] for place in others])
        for place in held:
            out[place] = value.probability(features[place])
    return out


def _design(features: np.ndarray, mean: np.ndarray, spread: np.ndarray) -> np.ndarray:
    standard = (np.asarray(features, np.float64) - mean) / spread
    return np.concatenate([standard, np.ones((len(standard), 1))], 1)


def _probability(design: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return 0.5 * (1.0 + np.tanh(0.5 * (design @ weights)))


def _loss(design: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> float:
    logits = design @ weights
    cross_entropy = np.logaddexp(0.0, logits) - targets * logits
    return float(cross_entropy.mean() + 0.5 * RIDGE * (weights[:-1] ** 2).sum())


def _newton(design: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The minimum of a convex loss by Newton's steps, each halved until it leads down."""
    count, size = design.shape
    ridge = np.diag([*np.full(size - 1, RIDGE), 1e-9])
    weights = np.zeros(size)
    weights[-1] = np.log(targets.mean() / (1.0 - targets.mean()))
    loss = _loss(design, targets, weights)
    for _ in range(NEWTON_STEPS):
        likely = _probability(design, weights)
        slope = design.T @ (likely - targets) / count + ridge @ weights
        bend = (design * (likely * (1.0 - likely))[:, None]).T @ design / count + ridge
        step = np.linalg.solve(bend, slope)
        while (lower := _loss(design, targets, weights - step)) > loss and np.abs(step).max() > 1e-9:
            step = 0.5 * step
        weights, gained, loss = weights - step, loss - lower, lower
        if gained < 1e-10:
            break
    return weights
