"""What a LeRobot dataset says of its columns: extremes, means, quantiles. Pictures are counted one by one."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

QUANTILES = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}


def no_counts(cameras: Iterable[str]) -> dict[str, np.ndarray]:
    """Of each camera [3 256] zeros."""
    return {key: np.zeros((3, 256), np.int64) for key in cameras}


def counted(pixels: np.ndarray) -> np.ndarray:
    """[3 256] how often each colour of a picture [height width 3] has each value."""
    return np.stack([np.bincount(pixels[..., colour].reshape(-1), minlength=256) for colour in range(3)])


def spread(values: np.ndarray) -> dict[str, list]:
    """min, max, mean, std, quantiles [size] and count [1] of values [n size]."""
    quantiles = np.quantile(values, list(QUANTILES.values()), axis=0)
    return {
        "min": values.min(0).tolist(),
        "max": values.max(0).tolist(),
        "mean": values.mean(0).tolist(),
        "std": values.std(0).tolist(),
        "count": [len(values)],
        **{name: row.tolist() for name, row in zip(QUANTILES, quantiles)},
    }


def picture_spread(counts: np.ndarray, frames: int) -> dict[str, list]:
    """The same of pixels scaled to [0, 1], each [3 1 1], from how often each colour [3] had each value [256]."""
    level, share = np.arange(256) / 255, counts / counts.sum(1, keepdims=True)
    mean = share @ level
    spread = np.sqrt(np.maximum(share @ level**2 - mean**2, 0))
    reached = np.cumsum(share, 1)
    rows = {
        "min": level[(counts > 0).argmax(1)],
        "max": level[255 - (counts[:, ::-1] > 0).argmax(1)],
        "mean": mean,
        "std": spread,
        **{name: level[(reached >= at - 1e-12).argmax(1)] for name, at in QUANTILES.items()},
    }
    return {name: row.reshape(3, 1, 1).tolist() for name, row in rows.items()} | {"count": [frames]}
