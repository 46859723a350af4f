"""An incident again, layer by layer: what the recorded sensors, weights and guard make here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from gato_ros.core.errors import SetupError

if TYPE_CHECKING:
    from gato_ros.core.policy import Policy
    from gato_ros.data.incidents.incident import Incident
    from gato_ros.embodiments import Embodiment
    from gato_ros.nodes.replay.layer import Layer
    from gato_ros.nodes.replay.wire import Wire


@dataclass(frozen=True)
class Replay:
    """Which incident, and with what."""

    file: Path
    """An incident (*.mcap) that incident_node wrote; `sim` puts them into OUT/incidents."""
    part: Literal["all", "policy", "guard"] = "all"
    """Replay one side only; the guard needs no weights."""
    policy: str | None = None
    """Folder or name of the weights, if they are no longer where the policy found them."""
    embodiment: str | None = None
    """Name or path of the contract, if it is no longer where the policy found it."""
    prompt: Path | None = None
    """The demonstration that the policy followed, if it is no longer where the policy found it."""
    anyway: bool = False
    """Go on where weights or contract are not the recorded ones: what would these have done?"""


def replay_incident(replay: Replay) -> dict[str, Any]:
    """Replay and compare; `ok` is False where anything differs.

    Raises:
        SetupError: a file with nothing to compare, or weights or a contract that are not the recorded ones.
    """
    from gato_ros.data.incidents.incident import read_incident
    from gato_ros.nodes.replay.guard import replay_guard
    from gato_ros.nodes.replay.wire import Wire

    incident = read_incident(replay.file)
    wire, layers, notes = Wire(incident), [], []
    try:
        if replay.part != "guard":
            layers += _policy_layers(replay, incident, wire, notes)
        else:
            _refuse_policy_options(replay, "--part guard")
        if replay.part != "policy":
            layers += replay_guard(wire)
    except (ValueError, KeyError) as error:
        raise SetupError(
            expected=f"journals of this version of the package in {replay.file}",
            got=f"{type(error).__name__}: {error}",
            fix="replay it with the version that recorded it, or one side of it with --part",
        ) from None
    if not any(layer.compared for layer in layers):
        raise SetupError(
            expected=f"something to compare in {replay.file}",
            got="; ".join(f"{layer.name}: {dict(layer.skipped) or 'nothing recorded'}" for layer in layers)
            or "nothing recorded",
            fix="record with policy_node and guard_node of this package running",
        )
    return {
        "ok": not any(layer.different for layer in layers),
        "file": str(replay.file),
        **incident.about,
        "notes": notes,
        "layers": [layer.row() for layer in layers],
    }


def _refuse_policy_options(replay: Replay, got: str) -> None:
    """Options of the policy's side, where it is not replayed, would count for nothing."""
    for name in ("policy", "embodiment", "prompt"):
        if getattr(replay, name) is not None:
            raise SetupError(expected=f"a policy to replay for --{name}", got=got, fix="leave it out")


def _policy_layers(replay: Replay, incident: Incident, wire: Wire, notes: list[str]) -> list[Layer]:
    from gato_ros.embodiments import load_embodiment
    from gato_ros.nodes.replay.policy import PolicyReplay

    who = next(
        (
            entry["about"]
            for entry in map(json.loads, (text for _, text in reversed(wire.policy_journal)))
            if "about" in entry
        ),
        None,
    )
    if who is None:
        _refuse_policy_options(replay, f"no step of a policy in {replay.file}")
        notes.append("no step of a policy was recorded")
        return []
    robot = load_embodiment(replay.embodiment or who["embodiment"])
    _same(replay, "the contract", who["contract"], robot.digest, robot.name, "--embodiment", notes)
    policy = _policy(replay, who, robot, notes)
    notes += _version_notes(who["versions"])
    return PolicyReplay(wire, policy, robot, who, replay.prompt).run()


def _policy(replay: Replay, who: dict[str, Any], robot: Embodiment, notes: list[str]) -> Policy:
    from gato_ros.embodiments.actions.hold import hold_policy

    name = replay.policy or who["policy"]
    if name == "hold":
        _same(replay, "the policy", who["weights"], "", "hold", "--policy", notes)
        return hold_policy(robot)
    from gato_ros.evaluation.policy_source import weights_folder
    from gato_ros.models.serving.compilation import keep_compiled
    from gato_ros.models.serving.policy import GatoPolicy

    keep_compiled()
    policy = GatoPolicy.from_directory(weights_folder(name), robot, precision=who["precision"] or None)
    _same(replay, "the weights", who["weights"], policy.info.digest, name, "--policy", notes)
    policy.warm_up()
    return policy


def _same(replay: Replay, what: str, recorded: str, found: str, name: str, option: str, notes: list[str]) -> None:
    if recorded == found:
        return
    if not replay.anyway:
        raise SetupError(
            expected=f"{what} of the recording, sha256 {recorded[:12] or 'none: hold'}",
            got=f"{name}, sha256 {found[:12] or 'none'}",
            fix=f"name the right one with {option}, or ask what this one would have done with --anyway",
        )
    notes.append(f"{what} differ on purpose: recorded {recorded[:12] or 'hold'}, replayed {name} {found[:12]}")


def _version_notes(recorded: dict[str, str]) -> list[str]:
    from importlib import metadata

    here = {name: metadata.version(name) for name in recorded}
    return [
        f"{name} was {recorded[name]}, is {here[name]}: it may round otherwise"
        for name in recorded
        if recorded[name] != here[name]
    ]
