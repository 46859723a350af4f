"""Models of growing core, to find the largest at 20 Hz: the paper's shape, two cameras, 1024 tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gato_ros.models.config import GatoConfig

RUNGS = ((4, 224), (6, 288), (6, 384), (6, 448), (6, 544), (8, 512), (8, 576), (10, 544))
"""(layers, width): cores of 2.2, 5.5, 9.7, 13.2, 19.5, 23.1, 29.2 and 32.6 million."""
HEAD_SIZE = 32


def ladder() -> dict[str, GatoConfig]:
    """The rungs by name, smallest first. They have no text rows: those cost memory and no time."""
    from dataclasses import replace

    from gato_ros.domains.robot_presets import ROBOT_PRESETS
    from gato_ros.models.analysis.flops import core_parameters

    rungs = {}
    for layers, width in RUNGS:
        config = replace(
            ROBOT_PRESETS["gato_79m"],
            layers=layers,
            width=width,
            heads=width // HEAD_SIZE,
            head_size=HEAD_SIZE,
            feed_forward=4 * width,
            text_rows=126,
            patch_block_channels=32,
        )
        rungs[f"core_{core_parameters(config) / 1e6:.1f}m"] = config
    return rungs


def largest_at(period_ms: float, rows: dict[str, dict]) -> dict | None:
    """The largest rung of which some streamed precision has its 99th percentile within the period; None if none has.

    Args:
        rows: of `bench step`, by rung.
    """
    best = None
    for name, row in rows.items():
        for side, times in row["sides"].items():
            kind, _, precision = side.partition("/")
            if kind != "streaming" or times["p99"] > period_ms:
                continue
            if best is None or (row["core_parameters"], -times["p99"]) > (best["core_parameters"], -best["p99"]):
                best = {
                    "rung": name,
                    "core_parameters": row["core_parameters"],
                    "precision": precision,
                    "p50": times["p50"],
                    "p99": times["p99"],
                }
    return best
