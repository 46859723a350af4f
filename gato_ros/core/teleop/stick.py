"""From how far a stick is pushed to how fast the tool goes."""

from __future__ import annotations

import numpy as np


def past_dead_zone(deflection: np.ndarray, zone: float) -> np.ndarray:
    """`deflection` [n] without what a stick at rest says: zero within `zone`, from there on in a line to +-1.

    Beyond +-1 counts as +-1. NaN stays NaN: look for it before.
    """
    size = np.clip((np.abs(deflection) - zone) / (1.0 - zone), 0.0, 1.0)
    return np.sign(deflection) * size


def twist_of(deflection: np.ndarray, full: np.ndarray, speed_scale: float, heading_rad: float = 0.0) -> np.ndarray:
    """[4] vx vy vz [m/s], wz [rad/s] in the base frame.

    Args:
        deflection: [4] forward, left, up, turn, each in [-1, 1].
        full: [4] the speed of each at full deflection, and the most that each axis of the base frame may have.
        speed_scale: in [0, 1].
        heading_rad: how far `forward` is turned about the vertical, from the base frame's x axis.
    """
    speed = full * speed_scale * np.clip(deflection, -1.0, 1.0)
    cosine, sine = np.cos(heading_rad), np.sin(heading_rad)
    linear = np.array([cosine * speed[0] - sine * speed[1], sine * speed[0] + cosine * speed[1], speed[2]])
    # One factor for all three: a diagonal that is turned onto an axis is too fast for it, and keeps its direction.
    excess = np.max(np.abs(linear) / full[:3])
    return np.append(linear / max(1.0, excess), speed[3])


def wrapped(angle_rad: float) -> float:
    """The same angle in [-pi, pi)."""
    return float((angle_rad + np.pi) % (2 * np.pi) - np.pi)
