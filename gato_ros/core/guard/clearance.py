"""Distances between the arm's own parts, and from them to the table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Clearance:
    """Capsules on the arm, a table plane, and which of them must stay apart."""

    radius: np.ndarray
    """[capsules] [m]."""
    distance_m: float
    """What is kept free between surfaces [m]."""
    table_height_m: float
    """z of the table in the base frame [m]."""
    above_table: np.ndarray
    """[n] capsules that stay above the table."""
    pairs: np.ndarray
    """[m 2] capsules that stay apart."""

    def at_distance(self, distance_m: float) -> Clearance:
        """The same parts, with so much kept free [m]."""
        return replace(self, distance_m=distance_m)

    def share(self, ends: np.ndarray, jacobians: np.ndarray, velocity: np.ndarray, gain: float) -> float:
        """How much of `velocity` [joints] may be carried out; arguments as those of `shares`."""
        return self.shares(ends, jacobians, [velocity], gain)[0]

    def shares(
        self, ends: np.ndarray, jacobians: np.ndarray, velocities: Sequence[np.ndarray], gain: float
    ) -> list[float]:
        """How much of each of `velocities` [joints] may be carried out.

        A gap may close at `gain` [1/s] times the room that is left; what opens it is free.

        Args:
            ends: [capsules 2 3] ends of their axes [m].
            jacobians: [capsules 2 3 joints] of these points.
        """
        heights, spaces = self._heights(ends), self._spaces(ends)
        return [self._share(ends, heights, spaces, jacobians @ velocity, gain) for velocity in velocities]

    def _share(
        self, ends: np.ndarray, heights: np.ndarray, spaces: np.ndarray, speeds: np.ndarray, gain: float
    ) -> float:
        gaps, closing = heights, -speeds[self.above_table, :, 2].ravel()
        # No point moves faster than the fastest end, so a gap of this width can close freely.
        fastest = math.sqrt(np.maximum.reduce((speeds**2).sum(axis=-1), axis=None))
        near = spaces < self.distance_m + 2.0 * fastest / gain
        if np.logical_or.reduce(near):
            pair_gaps, pair_closing = _between(ends, speeds, self.radius, self.pairs[near])
            gaps, closing = np.concatenate([gaps, pair_gaps]), np.concatenate([closing, pair_closing])
        allowed = gain * np.maximum(gaps - self.distance_m, 0.0)
        over = closing > allowed
        return float(np.min(allowed[over] / closing[over])) if np.logical_or.reduce(over) else 1.0

    def gaps(self, ends: np.ndarray) -> np.ndarray:
        """[2 n + m] free distances [m]: of every end above the table, then of every pair."""
        still = np.zeros_like(ends)
        return np.concatenate([self._heights(ends), _between(ends, still, self.radius, self.pairs)[0]])

    def _heights(self, ends: np.ndarray) -> np.ndarray:
        """[2 n] free distances of the ends above the table [m]."""
        return (ends[self.above_table, :, 2] - self.radius[self.above_table, None] - self.table_height_m).ravel()

    def _spaces(self, ends: np.ndarray) -> np.ndarray:
        """[m] what lies between the balls around each pair [m]: the pair is no closer."""
        first, second = self.pairs[:, 0], self.pairs[:, 1]
        centre, axis = (ends[:, 0] + ends[:, 1]) / 2, ends[:, 1] - ends[:, 0]
        ball = np.sqrt((axis * axis).sum(axis=1)) / 2 + self.radius
        apart = centre[first] - centre[second]
        return np.sqrt((apart * apart).sum(axis=1)) - ball[first] - ball[second]


def _between(
    ends: np.ndarray, speeds: np.ndarray, radius: np.ndarray, pairs: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Gap [m] and closing speed [m/s] of each pair."""
    first, second = pairs[:, 0], pairs[:, 1]
    a, b = ends[first], ends[second]
    along_a, along_b = closest_on_segments(a, b)
    between = _at(a, along_a) - _at(b, along_b)
    distance = np.linalg.norm(between, axis=1)
    apart = _at(speeds[first], along_a) - _at(speeds[second], along_b)
    # Axes that touch have no direction between them; any small number keeps the division whole.
    closing = -np.einsum("ij,ij->i", between, apart) / np.maximum(distance, 1e-9)
    return distance - radius[first] - radius[second], closing


def _at(ends: np.ndarray, along: np.ndarray) -> np.ndarray:
    return ends[:, 0] + (ends[:, 1] - ends[:, 0]) * along[:, None]


def closest_on_segments(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where on segments a and b [n 2 3] they come closest, as [n] shares of their lengths.

    Of the point pairs that can be closest: inside both, or at one of the four ends.
    """
    u, v, w = a[:, 1] - a[:, 0], b[:, 1] - b[:, 0], a[:, 0] - b[:, 0]
    uu, uv, vv = (np.einsum("ij,ij->i", x, y) for x, y in ((u, u), (u, v), (v, v)))
    uw, vw = np.einsum("ij,ij->i", u, w), np.einsum("ij,ij->i", v, w)
    tiny = 1e-12
    inside = np.clip((uv * vw - vv * uw) / np.maximum(uu * vv - uv * uv, tiny), 0.0, 1.0)
    zero, one = np.zeros(len(a)), np.ones(len(a))
    on_a = [inside, zero, one]
    on_b = [np.clip((vw + s * uv) / np.maximum(vv, tiny), 0.0, 1.0) for s in on_a]
    for t in (zero, one):
        on_b.append(t)
        on_a.append(np.clip((t * uv - uw) / np.maximum(uu, tiny), 0.0, 1.0))
    candidates_a, candidates_b = np.array(on_a), np.array(on_b)
    gaps = w + candidates_a[..., None] * u - candidates_b[..., None] * v
    best = np.argmin(np.einsum("kij,kij->ki", gaps, gaps), axis=0)
    rows = np.arange(len(a))
    return candidates_a[best, rows], candidates_b[best, rows]
