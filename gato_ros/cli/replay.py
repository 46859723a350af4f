"""An incident again: the recorded sensors through the tokeniser, the policy and the guard, and where the first differs.

Five layers are compared, bit by bit: the tokens that the recorded sensors become, the proposal that the model makes of
them, what the guard received, what it decided and commanded, and what went to the robot. On the machine that recorded
it, with the same weights, none may differ. The layer that differs first says where to look: tokens, the sensors or the
tokeniser; proposal, the weights or the machine; verdict, the guard; handover or command, somebody else on the wire.

Exit code 1 when there is a difference. To ask what other weights would have done: --policy FOLDER --anyway.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from gato_ros.nodes.replay.incident_replay import Replay, replay_incident


@dataclass(frozen=True)
class Options(Replay):
    """Which incident, and with what."""

    file: Annotated[Path, tyro.conf.Positional]
    """An incident (*.mcap) that incident_node wrote; `sim` puts them into OUT/incidents."""
    json: Path | None = None
    """Write the result here as JSON."""


def run(options: Options) -> dict:
    """Replay, and print what differs; `ok` is False where anything does."""
    result = replay_incident(options)
    _print(result)
    return result


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
