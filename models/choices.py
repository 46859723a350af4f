# ruff: noqa: F722  (jaxtyping writes shapes as strings)
"""Among what an action is chosen: the bins of a continuous one, or the values of a discrete one."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from gato_ros.models.arrays import Array
from gato_ros.models.config import GatoConfig
from gato_ros.models.layout import TokenLayout
from gato_ros.models.table import continuous_rows


def choice_rows(
    config: GatoConfig, layout: TokenLayout, table: Float[Array, "rows width"]
) -> Float[Array, "choices width"]:
    """The table's rows of all that an action may be."""
    return table[: layout.choices] if layout.action_values else continuous_rows(config, table)


def first_row(config: GatoConfig, layout: TokenLayout) -> int:
    """The table's row of the first choice."""
    return 0 if layout.action_values else config.text_rows


def legal(layout: TokenLayout, logits: Float[Array, "..."], action: Any = None) -> Float[Array, "..."]:
    """Logits [... actions choices] with next to nothing for values that a discrete action does not have.

    Args:
        action: the number of the one action that `logits` [... choices] are of.
    """
    if len(set(layout.action_values)) < 2:
        return logits
    allowed = jnp.asarray(np.arange(layout.choices) < np.array(layout.action_values)[:, None])
    # Not minus infinity: entropy multiplies it by a probability of zero.
    return jnp.where(allowed if action is None else allowed[action], logits, -1e9)
