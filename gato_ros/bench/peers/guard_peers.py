"""The guard beside its peers: the same fuzzed commands, and the same loss of the policy.

Fuzz: dm_robotics' Cartesian 6D velocity effector on its Sawyer (as rgb_stacking sets it, and with acceleration limits),
LeRobot's `ensure_safe_goal_position`, and our guard with its kinematics get one stream of commands over the whole float
range, at 100 Hz, in closed loop. Counted are commands that are not finite and commands outside of the limits that each
was given. Loss: openpi's client (alone, and behind its chunk broker) with a server that is killed or stopped, and our
loop with a policy that is. Peers live in environments of their own, which `make guard-peers` makes.
"""

from __future__ import annotations

import json as json_module
import subprocess
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gato_ros.bench.peers.guard_peers_fuzz import ANGULAR_RAD_S, KINDS, Envelope, Fuzz, fuzz, judge, judge_targets
from gato_ros.bench.peers.guard_peers_table import OURS, table
from gato_ros.core.bounds import Count, CountOrNone, Positive, Seed
from gato_ros.core.errors import SetupError
from gato_ros.evaluation.option_checks import OutFolder

PROGRAM = Path(__file__).with_name("guard_peers_program.py")
ROOT = Path(__file__).resolve().parents[3]
TICK_S = 0.01
FAULTS = ("SIGKILL", "SIGSTOP")
HORIZONS = (1, 10)
"""Of openpi's chunk broker; its simulated ALOHA example takes 10."""
OBSERVE_OURS_S = 3.0
CHUNK_STEP_S = 0.05


@dataclass(frozen=True)
class Options:
    """How much, and where the peers are."""

    environments: Path = ROOT
    """Folder with .venv-peer-dm_robotics, .venv-peer-lerobot and .venv-peer-openpi."""
    ticks: Count = 200_000
    """Commands for each system."""
    trials: CountOrNone = 5
    """Losses of the policy, for each fault and system; 0: no kill tests."""
    observe_s: Positive = 60.0
    """How long a peer is watched after each fault [s]; our loop is watched for 3 s."""
    policy: str = "sawyer_mastery"
    """Weights that drive our loop in the kill test."""
    seed: Seed = 0
    out: OutFolder = Path("out/guard")
    """Folder for peers.md."""
    json: Path | None = Path("out/guard/peers.json")
    """Write the result here as JSON."""


def run(options: Options) -> dict:
    """Measure everything that is installed; a peer that is not says why in its row."""
    from gato_ros.embodiments import load_embodiment
    from gato_ros.evaluation.policy_source import driving_weights

    if options.ticks < 100:
        raise SetupError(expected="--ticks of at least 100", got=str(options.ticks), fix="measure longer")
    if options.trials:
        driving_weights(options.policy, load_embodiment())
    given = given_for(options.ticks, options.seed)
    rows = [_ours(given)]
    for system, peer, settings in (
        ("dm_robotics, as rgb_stacking sets it", "dm_robotics", {"acceleration": False}),
        ("dm_robotics, with acceleration limits", "dm_robotics", {"acceleration": True}),
        ("LeRobot ensure_safe_goal_position", "lerobot", {}),
    ):
        rows.append(_peer(options, system, peer, settings, given))
    kills = [row for fault in FAULTS for row in _kills(options, fault)] if options.trials else []
    result = {
        "ticks": options.ticks,
        "seed": options.seed,
        "tick_s": TICK_S,
        "kinds": dict(zip(KINDS, _counts(given))),
        "broken_states": int((given["broken_joint"] >= 0).sum()),
        "fuzz": rows,
        "kills": kills,
        "observe_s": options.observe_s,
        "ok": not any(rows[0][name] for name in ("nonfinite", "outside")),
    }
    text = table(result)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "peers.md").write_text(text)
    print(text)
    return result


def given_for(ticks: int, seed: int) -> dict[str, np.ndarray]:
    """What every system gets: the commands, where it starts, and the limits that it is given."""
    from gato_ros.embodiments import load_embodiment

    robot = load_embodiment()
    stream: Fuzz = fuzz(ticks, len(robot.arm.joints), np.random.default_rng(seed))
    lower, upper, speed = robot.joint_limits
    return {
        **asdict(stream),
        "start": np.array(robot.arm.posture_rad),
        "lower": lower,
        "upper": upper,
        "speed": speed,
        "acceleration": np.array(min(robot.guard.joint_acceleration_rad_s2)),
        "tick_s": np.array(TICK_S),
        "linear_speed": np.array(robot.motion_limits.linear_speed),
        "angular_speed": np.array(ANGULAR_RAD_S),
    }


def _counts(given: dict[str, np.ndarray]) -> list[int]:
    return np.bincount(given["kinds"], minlength=len(KINDS)).tolist()


def envelope_of(given: dict[str, np.ndarray]) -> Envelope:
    """The limits in `given`."""
    return Envelope(given["speed"], float(given["acceleration"]), given["lower"], given["upper"], TICK_S)


def _ours(given: dict[str, np.ndarray]) -> dict[str, Any]:
    from rich.progress import track

    from gato_ros.core.guard.proposal import Proposal, RobotState
    from gato_ros.core.timing.freshness import Instant
    from gato_ros.embodiments import load_embodiment
    from gato_ros.embodiments.guard import make_guard
    from gato_ros.embodiments.kinematics import Kinematics

    robot = load_embodiment()
    kinematics = Kinematics(robot)
    guard = make_guard(robot)
    count, angles = len(given["values"]), given["start"].copy()
    commands, true, seconds = np.zeros((count, 7)), np.zeros((count, 7)), np.zeros(count)
    moving = resets = 0

    def state_at(measured: np.ndarray, now_s: float) -> RobotState:
        with np.errstate(all="ignore"):
            return kinematics.state(measured, np.zeros(7), now_s, now_s)

    for i in track(range(count), description="ours", disable=count < 50_000):
        now_s = 10.0 + TICK_S * i
        now = Instant(now_s, now_s)
        measured = angles.copy()
        if given["broken_joint"][i] >= 0:
            measured[given["broken_joint"][i]] = given["broken_angle"][i]
        if guard.latched is not None and guard.reset(state_at(angles, now_s), now) is None:
            resets += 1  # or a latch would spare it all that follows
        values = given["values"][i]
        # What the node does with a message: its kinematics, then the step. A proposal must be newer than a reset.
        begin = time.perf_counter()
        state = state_at(measured, now_s)
        proposal = Proposal(values[[0, 1, 2, 5]], float(values[6]), now_s, now_s + 1e-6)
        command, _ = guard.step(proposal, state, Instant(now_s + 2e-6, now_s + 2e-6))
        seconds[i] = time.perf_counter() - begin
        commands[i], true[i] = command.joint_velocity, angles
        angles = np.clip(angles + command.joint_velocity * TICK_S, given["lower"], given["upper"])
        moving += bool(command.joint_velocity.any())
    return {
        "system": OURS,
        "commands": count,
        **judge(envelope_of(given), true, commands),
        **_times(seconds),
        "moving_share": moving / count,
        "resets": resets,
        "raised": 0,
        "reason": "",
    }


def _times(seconds: np.ndarray) -> dict[str, float]:
    return {f"p{share}_us": float(np.percentile(seconds, share) * 1e6) for share in (50, 99)}


def peer_python(environments: Path, peer: str) -> Path:
    """The interpreter of a peer's environment."""
    # Not resolved: it is a link, and behind it lies an interpreter without the peer's packages.
    return (environments / f".venv-peer-{peer}" / "bin" / "python").absolute()


def _answer(command: list[str], limit_s: float) -> dict[str, Any]:
    """The last line of JSON of a peer's program, or {"reason": why there is none}."""
    if not Path(command[0]).exists():
        return {"reason": f"not installed: no {Path(command[0]).parents[1].name}; `make guard-peers` makes it"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit_s)
    except subprocess.TimeoutExpired:
        return {"reason": f"no answer within {limit_s:.0f} s"}
    try:
        return json_module.loads(done.stdout.strip().splitlines()[-1])
    except (IndexError, ValueError):
        said = done.stderr.strip().splitlines()
        return {"reason": f"exit code {done.returncode}: {said[-1] if said else 'it said nothing'}"}


def _peer(
    options: Options, system: str, peer: str, settings: dict[str, Any], given: dict[str, np.ndarray]
) -> dict[str, Any]:
    print(f"{system} ...", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "in.npz", Path(folder) / "out.npz"
        np.savez(source, **given)
        answer = _answer(
            [
                str(peer_python(options.environments, peer)),
                str(PROGRAM),
                peer,
                str(source),
                str(target),
                json_module.dumps(settings),
            ],
            60.0 + 0.02 * options.ticks,
        )
        if "reason" in answer:
            return {"system": system, **answer}
        with np.load(target) as came:
            commands, true, seconds = came["commands"], came["angles"], came["seconds"]
    verdict = (
        judge_targets(given["speed"] * TICK_S, true, commands)
        if peer == "lerobot"
        else judge(envelope_of(given), true, commands)
    )
    moving = np.isfinite(commands).all(-1) & ((commands - (true if peer == "lerobot" else 0.0)) != 0.0).any(-1)
    return {
        "system": system,
        "commands": len(commands),
        **verdict,
        **_times(seconds),
        "moving_share": float(moving.mean()),
        **answer,
        "reason": "",
    }


def _kills(options: Options, fault: str) -> list[dict[str, Any]]:
    from gato_ros.bench.peers.guard_kill import kill_trial
    from gato_ros.evaluation.policy_source import weights_folder

    weights = str(weights_folder(options.policy).resolve())
    rows = []
    for system, trial in (
        (OURS, lambda number: kill_trial(weights, fault, OBSERVE_OURS_S)),
        *(
            (
                f"openpi client, chunks of {horizon}" if horizon > 1 else "openpi client",
                _openpi(options, fault, horizon),
            )
            for horizon in HORIZONS
        ),
    ):
        print(f"{system}, {fault} ...", flush=True)
        trials = [trial(number) for number in range(options.trials)]
        if reason := next((one["reason"] for one in trials if "reason" in one), None):
            rows.append({"system": system, "fault": fault, "reason": reason})
            continue
        rows.append(
            {
                "system": system,
                "fault": fault,
                "trials": len(trials),
                "observed_s": OBSERVE_OURS_S if system == OURS else options.observe_s,
                "reason": "",
                "how": trials[0]["how"],
                "versions": trials[0].get("versions", {}),
                **{
                    name: worst([one[name] for one in trials])
                    for name in ("last_moving_ms", "first_stopping_ms", "control_back_ms")
                },
            }
        )
    return rows


def _openpi(options: Options, fault: str, horizon: int):
    python = str(peer_python(options.environments, "openpi"))

    def trial(number: int) -> dict[str, Any]:
        # A fault does not wait for the end of a chunk: each trial comes at another place in it.
        moving_s = 1.0 + horizon * CHUNK_STEP_S * (number + 0.5) / options.trials
        settings = {"fault": fault, "horizon": horizon, "moving_s": moving_s, "observe_s": options.observe_s}
        return _answer([python, str(PROGRAM), "openpi", json_module.dumps(settings)], options.observe_s + 60.0)

    return trial


def worst(values: list[float | None]) -> float | None:
    """The longest; None, which is never, is longer than all."""
    return None if None in values else max(values)
