"""The word for an array in signatures."""

from __future__ import annotations

from typing import Union

import jax
import numpy as np

Array = Union[jax.Array, np.ndarray]
"""Of JAX or of numpy: either may be handed to a pure function."""
