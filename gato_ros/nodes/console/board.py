"""Everything that the page shows, as values: no ROS and no server in here. Two threads use it."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gato_ros.embodiments import Embodiment
from gato_ros.embodiments.kinematics import Kinematics
from gato_ros.nodes.console.rate import Rate
from gato_ros.nodes.console.thoughts import LATENCIES, Thoughts, finite

FORGET_S = 1.0
"""What was not said again for so long [s] is unknown: the page must not show a motion that is over."""
SLOW_STATUS_S = 3.0
"""policy_node and others say how they are every second."""
OVERLAY_S = 4.0
"""A map of what the policy looks at is shown no longer [s]."""
REASONS, REASONS_S = 8, 120.0
"""So many reasons are shown, and for so long [s]."""
GUARD = "guard_node"


class Board:
    """Takes what was received, and gives it as one JSON object. All times are on a clock that never jumps."""

    def __init__(self, robot: Embodiment):
        self._robot, self._kinematics, self._lock = robot, Kinematics(robot), threading.Lock()
        self._values: dict[str, tuple[float, Any]] = {}
        self._rates: dict[str, Rate] = {}
        self._reasons: dict[tuple[str, str], list] = {}
        """Level and reason -> when it was last seen [s], how often it began."""
        self._now_true: frozenset[tuple[str, str]] = frozenset()
        self._thoughts = Thoughts()
        self._answers = 0
        wire = robot.wire
        self._expected: dict[str, tuple[float | None, float | None]] = {
            **{channel.topic: (robot.control_rate_hz, channel.max_age_s) for channel in robot.cameras.values()},
            wire.joint_states.topic: (None, wire.joint_states.max_age_s),
            wire.gripper_states.topic: (None, wire.gripper_states.max_age_s),
            robot.proposal_topics[0]: (robot.control_rate_hz, None),
            f"{GUARD}/status": (None, None),
            "policy_node/introspection": (robot.control_rate_hz, None),
        }
        """Topic -> the rate that control needs [Hz], and its largest age [s]; None where the contract does not say."""

    @property
    def actions(self) -> tuple[str, ...]:
        """What each action token is, in their order: components of a twist or joints, and the gripper."""
        return tuple(
            f"base {name}" if part.moves == "base" else name
            for part in self._robot.actions.values()
            for name in part.names
        )

    # --- what is received ---

    def saw(self, topic: str, now_s: float) -> None:
        """A message came on this topic."""
        with self._lock:
            self._rates.setdefault(topic, Rate()).saw(now_s)

    def keep(self, name: str, value: Any, now_s: float) -> None:
        """The newest value of joints, speeds, gripper, gripper_command, available, and of a camera's saliency."""
        with self._lock:
            self._values[name] = (now_s, value)

    def keep_status(self, node: str, level: str, values: Mapping[str, str], now_s: float) -> None:
        """A status: of the guard its level, of the others their message, and what they say beside it."""
        with self._lock:
            self._values[node] = (now_s, (level, dict(values)))
            if node == GUARD:
                self._keep_reasons(level, [one for one in values.get("reasons", "").split(",") if one], now_s)

    def _keep_reasons(self, level: str, reasons: Sequence[str], now_s: float) -> None:
        true = frozenset((level, reason) for reason in reasons)
        for pair in true:
            entry = self._reasons.setdefault(pair, [now_s, 0])
            entry[0] = now_s
            entry[1] += pair not in self._now_true
        self._now_true = true
        if len(self._reasons) > 4 * REASONS:
            self._reasons.pop(min(self._reasons, key=lambda pair: self._reasons[pair][0]))

    def keep_thought(self, labels: Sequence[tuple[str, int]], data: Sequence[float], now_s: float) -> bool:
        """A step of the policy; False where it cannot be read."""
        with self._lock:
            return self._thoughts.add(labels, data, now_s)

    def keep_answer(self, text: str, now_s: float) -> None:
        """What the policy answered to a question."""
        with self._lock:
            self._answers += 1
            self._values["answer"] = (now_s, {"number": self._answers, "text": text})

    def forget(self) -> None:
        """Nobody has looked meanwhile: what was known is too old."""
        with self._lock:
            self._values = {name: value for name, value in self._values.items() if name == "answer"}
            self._rates.clear()
            self._reasons.clear()
            self._now_true = frozenset()

    # --- what is shown ---

    def newest(self, name: str, now_s: float) -> Any:
        """What was kept under this name, or None where it is too old."""
        with self._lock:
            return self._newest(name, now_s, FORGET_S)

    def thoughts_after(self, number: int, now_s: float) -> list[dict]:
        """Steps that this browser has not got: number, age [s], tokens, probabilities, entropies [nat], held."""
        with self._lock:
            new = self._thoughts.after(number, now_s)
        return [
            {
                "number": one.number,
                "ago_s": round(now_s - one.received_s, 3),
                "token": one.token,
                "probability": one.probability,
                "entropy_nat": one.entropy_nat,
                "held": one.held,
            }
            for one in new
        ]

    def state(self, now_s: float) -> dict:
        """This moment; None of what nobody has said lately."""
        with self._lock:
            newest = lambda name, within_s=FORGET_S: self._newest(name, now_s, within_s)
            joints, speeds, gripper = newest("joints"), newest("speeds"), newest("gripper")
            return {
                "guard": self._guard(newest(GUARD)),
                "reasons": self._last_reasons(now_s),
                **{
                    name.removesuffix("_node"): self._said(newest(name, SLOW_STATUS_S))
                    for name in ("policy_node", "recorder_node", "driver_node", "lifecycle_manager")
                },
                "joints": self._joints(joints, speeds),
                "tool": self._tool(joints),
                "gripper": self._gripper(gripper),
                "topics": [self._topic(topic, now_s) for topic in self._expected],
                "latency": self._latency(now_s),
                "answer": newest("answer", float("inf")),
                "available": newest("available", SLOW_STATUS_S) or {},
                "saliency": self._saliency(now_s),
            }

    def _newest(self, name: str, now_s: float, within_s: float) -> Any:
        received_s, value = self._values.get(name, (-np.inf, None))
        return value if now_s - received_s < within_s else None

    def _guard(self, said: tuple[str, dict] | None) -> dict | None:
        if said is None:
            return None
        level, values = said
        return {
            "level": level,
            "reasons": [one for one in values.get("reasons", "").split(",") if one],
            "source": values.get("source", ""),
            "off": [one for one in values.get("off", "").split(",") if one],
            "shadow": values.get("shadow", "off") == "on",
            "proposal_age_ms": _number(values.get("proposal_age_ms")),
            "state_age_ms": _number(values.get("state_age_ms")),
        }

    def _last_reasons(self, now_s: float) -> list[dict]:
        newest = sorted(self._reasons.items(), key=lambda one: (-one[1][0], one[0]))
        return [
            {"level": level, "reason": reason, "ago_s": round(now_s - seen_s, 1), "times": times}
            for (level, reason), (seen_s, times) in newest[:REASONS]
            if now_s - seen_s < REASONS_S
        ]

    def _saliency(self, now_s: float) -> dict | None:
        """Of the newest map of what the policy looks at: how old its picture is, and the strongest effect."""
        maps = [self._newest(f"saliency {camera}", now_s, OVERLAY_S) for camera in self._robot.cameras]
        there = [one for one in maps if one is not None]
        if not there:
            return None
        taken_s, strongest = max(taken for taken, _ in there), max(effect for _, effect in there)
        return {"ago_s": round(max(0.0, now_s - taken_s), 1), "strongest_nat": round(strongest, 3)}

    def _said(self, said: tuple[str, dict] | None) -> dict | None:
        return None if said is None else {"message": said[0], "values": said[1]}

    def _joints(self, position: np.ndarray | None, speed: np.ndarray | None) -> list[dict] | None:
        if position is None:
            return None
        lower, upper, fastest = self._robot.joint_limits
        return [
            {
                "name": name,
                "position": round(float(position[i]), 4),
                "lower": round(float(lower[i]), 4),
                "upper": round(float(upper[i]), 4),
                "speed": None if speed is None else round(float(speed[i]), 4),
                "fastest": round(float(fastest[i]), 4),
            }
            for i, name in enumerate(self._robot.arm.joints)
        ]

    def _tool(self, joints: np.ndarray | None) -> list[dict] | None:
        if joints is None:
            return None
        limits, place = self._robot.limits, self._kinematics.tool(joints).position
        return [
            {"name": axis, "position": round(float(value), 4), "lower": lower, "upper": upper}
            for axis, value, lower, upper in zip("xyz", place, limits.workspace_lower_m, limits.workspace_upper_m)
        ]

    def _gripper(self, state: tuple[float, float] | None) -> dict | None:
        if state is None:
            return None
        gripper = self._robot.gripper
        return {
            "opening_m": round(state[0], 4),
            "stroke_m": gripper.stroke_m,
            "force_n": round(state[1], 2),
            "grips": state[1] > gripper.grasp_threshold_n,
        }

    def _topic(self, topic: str, now_s: float) -> dict:
        rate, (expected_hz, limit_s) = self._rates.get(topic), self._expected[topic]
        age_s = None if rate is None else rate.age_s(now_s)
        return {
            "topic": topic,
            "hz": 0.0 if rate is None or age_s is None or age_s > FORGET_S else round(rate.hz(now_s), 1),
            "expected_hz": expected_hz,
            "age_ms": None if age_s is None else round(1e3 * age_s),
            "limit_ms": None if limit_s is None else round(1e3 * limit_s),
        }

    def _latency(self, now_s: float) -> dict | None:
        totals = self._thoughts.total_ms(now_s)
        if not totals:
            return None
        last = self._thoughts.after(0, now_s)[-1]
        return {
            "parts_ms": dict(zip(LATENCIES, last.latency_ms)),
            "last_ms": round(totals[-1], 2),
            "worst_ms": round(max(totals), 2),
            "budget_ms": round(1e3 / self._robot.control_rate_hz, 2),
        }


def _number(text: str | None) -> float | None:
    try:
        return finite([float(text or "nan")])[0]
    except ValueError:
        return None
