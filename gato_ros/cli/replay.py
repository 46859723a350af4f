"""An incident again: the recorded sensors through the tokeniser, the policy and the guard, and where the first differs.

Five layers are compared, bit by bit: the tokens that the recorded sensors become, the proposal that the model makes of
them, what the guard received, what it decided and commanded, and what went to the robot. On the machine that recorded
it, with the same weights, none may differ. The layer that differs first says where to look: tokens, the sensors or the
tokeniser; proposal, the weights or the machine; verdict, the guard; handover or command, somebody else on the wire.

Exit code 1 when there is a difference. To ask what other weights would have done: --policy FOLDER --anyway.
"""

from __future__ import annotations

import json as json_module
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from gato_ros.core.errors import SetupError

if TYPE_CHECKING:
    from gato_ros.cli.replay_parts.layer import Layer
    from gato_ros.cli.replay_parts.wire import Wire
    from gato_ros.core.policy import Policy
    from gato_ros.data.incidents.incident import Incident
    from gato_ros.embodiments import Embodiment


@dataclass(frozen=True)
class Options:
    """Which incident, and with what."""

    file: Annotated[Path, tyro.conf.Positional]
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
    json: Path | None = None
    """Write the result here as JSON."""


def run(options: Options) -> dict:
    """Replay and compare; `ok` is False where anything differs."""
    from gato_ros.cli.replay_parts.guard import replay_guard
    from gato_ros.cli.replay_parts.wire import Wire
    from gato_ros.data.incidents.incident import read_incident

    incident = read_incident(options.file)
    wire, layers, notes = Wire(incident), [], []
    try:
        if options.part != "guard":
            layers += _policy_layers(options, incident, wire, notes)
        else:
            _refuse_policy_options(options, "--part guard")
        if options.part != "policy":
            layers += replay_guard(wire)
    except (ValueError, KeyError) as error:
        raise SetupError(
            expected=f"journals of this version of the package in {options.file}",
            got=f"{type(error).__name__}: {error}",
            fix="replay it with the version that recorded it, or one side of it with --part",
        ) from None
    if not any(layer.compared for layer in layers):
        raise SetupError(
            expected=f"something to compare in {options.file}",
            got="; ".join(f"{layer.name}: {dict(layer.skipped) or 'nothing recorded'}" for layer in layers)
            or "nothing recorded",
            fix="record with policy_node and guard_node of this package running",
        )
    result = {
        "ok": not any(layer.different for layer in layers),
        "file": str(options.file),
        **incident.about,
        "notes": notes,
        "layers": [layer.row() for layer in layers],
    }
    _print(result)
    return result


def _refuse_policy_options(options: Options, got: str) -> None:
    """Options of the policy's side, where it is not replayed, would count for nothing."""
    for name in ("policy", "embodiment", "prompt"):
        if getattr(options, name) is not None:
            raise SetupError(expected=f"a policy to replay for --{name}", got=got, fix="leave it out")


def _policy_layers(options: Options, incident: Incident, wire: Wire, notes: list[str]) -> list[Layer]:
    from gato_ros.cli.replay_parts.policy import PolicyReplay
    from gato_ros.embodiments import load_embodiment

    who = next(
        (
            entry["about"]
            for entry in map(json_module.loads, (text for _, text in reversed(wire.policy_journal)))
            if "about" in entry
        ),
        None,
    )
    if who is None:
        _refuse_policy_options(options, f"no step of a policy in {options.file}")
        notes.append("no step of a policy was recorded")
        return []
    robot = load_embodiment(options.embodiment or who["embodiment"])
    _same(options, "the contract", who["contract"], robot.digest, robot.name, "--embodiment", notes)
    policy = _policy(options, who, robot, notes)
    notes += _version_notes(who["versions"])
    return PolicyReplay(wire, policy, robot, who, options.prompt).run()


def _policy(options: Options, who: dict[str, Any], robot: Embodiment, notes: list[str]) -> Policy:
    from gato_ros.core.policy import HoldPolicy

    name = options.policy or who["policy"]
    if name == "hold":
        _same(options, "the policy", who["weights"], "", "hold", "--policy", notes)
        return HoldPolicy()
    from gato_ros.evaluation.policy_source import weights_folder
    from gato_ros.models.serving.compilation import keep_compiled
    from gato_ros.models.serving.policy import GatoPolicy

    keep_compiled()
    policy = GatoPolicy.from_directory(weights_folder(name), robot, precision=who["precision"] or None)
    _same(options, "the weights", who["weights"], policy.info.digest, name, "--policy", notes)
    policy.warm_up()
    return policy


def _same(options: Options, what: str, recorded: str, found: str, name: str, option: str, notes: list[str]) -> None:
    if recorded == found:
        return
    if not options.anyway:
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


def _print(result: dict[str, Any]) -> None:
    from rich.markup import escape
    from rich.table import Table

    from gato_ros.evaluation.console import make_console

    console = make_console()
    console.print(
        f"{result['file']}: {result['reason']}, {result['span_s']:.1f} s of {result['robot']}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    table = Table("layer", "compared", "different", "not compared", show_edge=False)
    for layer in result["layers"]:
        skipped = "; ".join(f"{count}: {why}" for why, count in layer["not_compared"].items())
        table.add_row(
            layer["name"],
            str(layer["compared"]),
            str(layer["different"]),
            escape(skipped),
            style="red" if layer["different"] else None,
        )
    console.print(table)
    for layer in result["layers"]:
        if first := layer["first"]:
            console.print(
                f"{layer['name']}: first difference {first['at_s']:+.3f} s from the latch, {first['where']}\n"
                f"  recorded {first['recorded']}\n  replayed {first['replayed']}",
                markup=False,
                highlight=False,
                soft_wrap=True,
            )
    for note in [*result["notes"], *_losses(result)]:
        console.print(note, markup=False, highlight=False)
    console.print("no difference" if result["ok"] else "there are differences")


def _losses(result: dict[str, Any]) -> list[str]:
    return [
        f"{count} messages of {topic} {how}"
        for key, how in (("lost", "were lost on the way"), ("crowded_out", "had no room in memory"))
        for topic, count in result.get(key, {}).items()
    ]
