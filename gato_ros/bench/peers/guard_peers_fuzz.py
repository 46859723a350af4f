"""Commands that no controller should need to fear, and the judge of what a controller makes of them. numpy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

KINDS = ("in_range", "sign_flip", "zero", "huge", "whole_range", "denormal", "inf", "nan")
SHARES = (0.40, 0.15, 0.05, 0.10, 0.10, 0.08, 0.06, 0.06)
VALUES = 8
"""Of a command: vx vy vz [m/s], wx wy wz [rad/s], gripper opening [m], and one more for controllers of seven joints."""
HELD_TICKS = 5
"""A policy at 20 Hz in front of a controller at 100 Hz: each kind of command stays for so many ticks."""
LINEAR_M_S, ANGULAR_RAD_S = 0.07, 1.0
BROKEN_STATE_SHARE = 0.002
BROKEN = (np.nan, np.inf, -np.inf, 1e300, -1e300)


@dataclass(frozen=True)
class Fuzz:
    """N ticks of input."""

    values: np.ndarray
    """[N 8] float64 commands."""
    kinds: np.ndarray
    """[N] index into KINDS."""
    broken_joint: np.ndarray
    """[N] joint whose measured angle is wrong at this tick; -1: none is."""
    broken_angle: np.ndarray
    """[N] what it reads [rad]."""


def fuzz(ticks: int, joints: int, rng: np.random.Generator) -> Fuzz:
    """Random commands of all kinds, and now and then a joint angle that cannot be."""
    segments = -(-ticks // HELD_TICKS)
    kinds = np.repeat(rng.choice(len(KINDS), segments, p=SHARES), HELD_TICKS)[:ticks]
    bound = np.array([LINEAR_M_S] * 3 + [ANGULAR_RAD_S] * 3 + [0.085, 1.0])
    held = np.repeat(rng.uniform(-1, 1, (segments, VALUES)), HELD_TICKS, 0)[:ticks]
    values = bound * held
    sign = np.where(np.arange(ticks) % 2, -1.0, 1.0)[:, None]
    one = np.arange(VALUES) == rng.integers(VALUES, size=(ticks, 1))
    whole = rng.integers(0, 2**64, (ticks, VALUES), np.uint64)
    makers = {
        "sign_flip": lambda: bound * np.sign(held) * sign,
        "zero": lambda: np.zeros_like(values) * held,  # of both signs
        "huge": lambda: np.sign(held) * 10.0 ** rng.uniform(0, 308, values.shape),
        "whole_range": lambda: whole.view(np.float64),
        "denormal": lambda: (whole & np.uint64(0x800F_FFFF_FFFF_FFFF)).view(np.float64),
        "inf": lambda: np.where(one, np.copysign(np.inf, held), values),
        "nan": lambda: np.where(one, np.nan, values),
    }
    for name, make in makers.items():
        rows = kinds == KINDS.index(name)
        values[rows] = make()[rows]
    broken = rng.random(ticks) < BROKEN_STATE_SHARE
    return Fuzz(values, kinds, np.where(broken, rng.integers(joints, size=ticks), -1), rng.choice(BROKEN, ticks))


@dataclass(frozen=True)
class Envelope:
    """What a stream of joint velocities must keep."""

    speed: np.ndarray
    """[joints] [rad/s]."""
    acceleration: float
    """Largest change of any joint's speed [rad/s^2]."""
    lower: np.ndarray
    """[joints] [rad]."""
    upper: np.ndarray
    """[joints] [rad]."""
    tick_s: float
    tolerance: float = 1e-3
    """In speed [rad/s] and angle [rad]: what dm_robotics' solver promises; nobody is caught by a rounding error."""


def judge(envelope: Envelope, angles: np.ndarray, commands: np.ndarray) -> dict[str, int]:
    """How many of N commands break what; `outside` counts a command once.

    Args:
        angles: [N joints] true joint angles [rad] at each command.
        commands: [N joints] joint velocities [rad/s].
    """
    finite = np.isfinite(commands).all(-1)
    # What changes is reckoned from the last command that a robot could carry out.
    last = np.maximum.accumulate(np.where(finite, np.arange(len(commands)), -1))
    before = np.append(-1, last[:-1])
    previous = np.where(before[:, None] >= 0, commands[before], np.nan)
    allowed = envelope.acceleration * envelope.tick_s + envelope.tolerance
    with np.errstate(invalid="ignore", over="ignore"):
        speed = finite & (np.abs(commands) > envelope.speed + envelope.tolerance).any(-1)
        change = finite & (np.abs(commands - previous) > allowed).any(-1)
        after = angles + commands * envelope.tick_s
        left = (after < envelope.lower - envelope.tolerance) | (after > envelope.upper + envelope.tolerance)
        # To be outside already is the state's fault, to go further is the command's.
        further = (
            np.abs(after - np.clip(after, envelope.lower, envelope.upper))
            > np.abs(angles - np.clip(angles, envelope.lower, envelope.upper)) + envelope.tolerance
        )
    position = finite & (left & further).any(-1)
    return {
        "nonfinite": int((~finite).sum()),
        "speed": int(speed.sum()),
        "acceleration": int(change.sum()),
        "position": int(position.sum()),
        "outside": int((speed | change | position).sum()),
    }


def judge_targets(cap: np.ndarray, present: np.ndarray, targets: np.ndarray) -> dict[str, int]:
    """As `judge`, of joint angles [N joints] [rad] that may lie at most `cap` [joints] from the present ones."""
    finite = np.isfinite(targets).all(-1)
    with np.errstate(invalid="ignore", over="ignore"):
        outside = finite & (np.abs(targets - present) > cap * (1 + 1e-9) + 1e-12).any(-1)
    return {"nonfinite": int((~finite).sum()), "outside": int(outside.sum())}
