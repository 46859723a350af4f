"""Whether a running robot is ready to move: listen, look at its weights, judge."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gato_ros.core.check_result import Finding, red
from gato_ros.core.errors import SetupError, unknown_name
from gato_ros.embodiments import Embodiment, load_embodiment
from gato_ros.embodiments.preflight.judge import PARTS, judge
from gato_ros.nodes.preflight.environment import one_line, ros_fault, suspects
from gato_ros.nodes.preflight.robot_look import RobotLook

if TYPE_CHECKING:
    from gato_ros.embodiments.preflight.robot_snapshot import RobotSnapshot
    from gato_ros.nodes.preflight.doctor_client import DoctorClient

POLICY_PARAMETER = "policy"


def examine_robot(look: RobotLook) -> dict[str, Any]:
    """Listen and judge; `ok` when all is green (or yellow, where that is accepted).

    Raises:
        SetupError: a contract, a policy or a part that is none.
    """
    parts = _parts(look)
    robot = load_embodiment(look.embodiment)
    if look.policy not in ("", "hold"):
        from gato_ros.evaluation.policy_source import weights_folder

        weights_folder(look.policy)  # a name that is none is the user's to mend, and no finding
    namespace = look.namespace or robot.wire.namespace
    findings, listened_s = _listen(look, robot, namespace, parts)
    levels = Counter(finding.level for finding in findings)
    ok = not levels["red"] and (look.accept_yellow or not levels["yellow"])
    return {
        "ok": ok,
        "namespace": namespace,
        "embodiment": robot.name,
        "digest": robot.digest,
        "parts": sorted(parts),
        "listened_s": round(listened_s, 2),
        **{level: levels[level] for level in ("green", "yellow", "red")},
        "findings": [asdict(finding) for finding in findings],
    }


def _listen(look: RobotLook, robot: Embodiment, namespace: str, parts: set[str]) -> tuple[list[Finding], float]:
    """The rows, and for how long was listened [s]; where nothing can be listened to, why not is the row."""
    if fault := ros_fault():
        fix = suspects("ROS") or "run `doctor` without --robot: it says what is missing"
        return [red("ROS 2", f"no node can be made: {fault}", fix)], 0.0
    try:
        from gato_ros.nodes.preflight.doctor_client import DoctorClient

        with DoctorClient(robot, namespace, look.seconds) as client:
            client.wait(parts, look.patience)
            seen = _snapshot(look, robot, client, parts)
        return judge(robot, seen, parts), seen.listened_s
    except SetupError:
        raise
    except Exception as error:
        return [red("the look itself", one_line(error), suspects("ROS", "JAX") or "this is a fault of ours")], 0.0


def _parts(look: RobotLook) -> set[str]:
    for name in look.without:
        if name not in PARTS:
            raise unknown_name("a part for --without", name, PARTS)
    return set(PARTS) - set(look.without)


def _snapshot(look: RobotLook, robot: Embodiment, client: DoctorClient, parts: set[str]) -> RobotSnapshot:
    name = look.policy or next(iter(client.parameters(POLICY_PARAMETER).values()), "") if "policy" in parts else ""
    keys, weights = _weights(name, robot)
    seen = client.listen(look.seconds, keys)
    took = seen.policy.values.get("act_ms_p99") if seen.policy else None
    seen = replace(
        seen,
        weights=weights,
        disk=_disk(look.recordings),
        act_ms_p99=float(took) if took else _timed(look.policy, robot, weights),
    )
    return replace(seen, nudge=client.nudge()) if look.nudge_gripper else seen


def _weights(name: str, robot: Embodiment) -> tuple[tuple[str, ...] | None, tuple[str, str] | None]:
    """What that policy reads, and how it fits; neither is known of one that lies on another machine."""
    from gato_ros.evaluation.policy_source import weights_folder

    if name in ("", "hold"):
        return None, None
    try:
        folder = weights_folder(name)
    except SetupError:
        return None, None
    from gato_ros.models.weights import load_weights, weights_config

    try:
        keys = tuple(weights_config(folder).observation_keys)
        load_weights(folder, robot)
    except SetupError as error:
        return None, (folder.name, f"expected {error.expected}; got {error.got}; {error.fix}")
    except Exception as error:  # JAX
        return None, (folder.name, f"{one_line(error)}; {suspects('JAX')}")
    return keys, (folder.name, "")


def _timed(name: str, robot: Embodiment, weights: tuple[str, str] | None) -> float | None:
    """The time of an action, taken here: of a policy that is named and that nobody has timed yet."""
    if not name or weights is None or weights[1]:
        return None
    from gato_ros.evaluation.policy_source import make_policy
    from gato_ros.nodes.preflight.gate import time_of_an_action

    policy = make_policy(name, robot)
    policy.warm_up()
    return time_of_an_action(policy, robot)


def _disk(folder: Path) -> tuple[str, float]:
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    return str(folder), shutil.disk_usage(there).free / 2**20
