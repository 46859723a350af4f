"""What blocks of a control loop come to, for benches that compare two loops by turns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Ticks, latencies [ms], missed ticks and rate [Hz] of blocks with latencies, missed, proposals and seconds."""
    latencies = np.concatenate([row["latencies"] for row in rows])
    return {
        "ticks": len(latencies),
        "p50_ms": float(np.percentile(latencies, 50)),
        "p99_ms": float(np.percentile(latencies, 99)),
        "missed_ticks": sum(row["missed"] for row in rows),
        "rate_hz": sum(row["proposals"] for row in rows) / sum(row["seconds"] for row in rows),
    }


def line(name: str, row: dict[str, Any]) -> str:
    """A summary in words."""
    return (
        f"{name}: {row['rate_hz']:.2f} Hz, {row['missed_ticks']} of {row['ticks']} missed, camera to command p50 "
        f"{row['p50_ms']:.2f} ms, p99 {row['p99_ms']:.2f} ms"
    )


def halves_differ_ms(rows: Sequence[dict[str, Any]]) -> float:
    """Between the p99 of the first half of the latencies and that of the second [ms]: what chance alone does."""
    halves = np.array_split(np.concatenate([row["latencies"] for row in rows]), 2)
    return float(abs(np.subtract(*(np.percentile(half, 99) for half in halves))))
