# ruff: noqa: F722  (jaxtyping writes shapes as strings)
"""Which row of the one embedding table belongs to which token."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from gato_ros.models.arrays import Array
from gato_ros.models.config import GatoConfig
from gato_ros.models.layout import BINS, CONTINUOUS_START, PAD, SEPARATOR, TABLE_MULTIPLE
from gato_ros.models.tokenizer import bin_centre


def table_rows(config: GatoConfig) -> int:
    """Rows of the shared table: text and discrete ids, 1024 bins, separator, pad; rounded up."""
    rows = config.text_rows + (PAD + 1 - CONTINUOUS_START)
    return -(-rows // TABLE_MULTIPLE) * TABLE_MULTIPLE


def table_row(config: GatoConfig, ids: Any) -> Any:
    """The table's row of each id; a robot-only table has no rows for most text pieces."""
    return jnp.where(ids < CONTINUOUS_START, ids, ids - CONTINUOUS_START + config.text_rows)


def continuous_rows(config: GatoConfig, table: Float[Array, "rows width"]) -> Float[Array, "bins width"]:
    """The rows of the 1024 bins: the only ones that an action may be."""
    return table[config.text_rows : config.text_rows + BINS]


def separator_row(config: GatoConfig, table: Float[Array, "rows width"]) -> Float[Array, " width"]:
    return table[config.text_rows + SEPARATOR - CONTINUOUS_START]


def fourier_rows(width: int) -> Float[np.ndarray, "bins width"]:
    """Unit rows sin and cos of the bin centre, from a quarter of a turn to 64 turns over [-1, 1]."""
    turns = np.geomspace(0.125, 32.0, width // 2)
    phase = 2 * np.pi * turns * bin_centre(np.arange(BINS))[:, None]
    rows = np.zeros((BINS, width), np.float32)
    rows[:, : 2 * len(turns)] = np.concatenate([np.sin(phase), np.cos(phase)], -1) * len(turns) ** -0.5
    return rows
