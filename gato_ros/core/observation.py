"""What a policy sees at one control tick."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

PRIVILEGED_PREFIX = "privileged/"
"""Keys under this prefix hold simulator ground truth; a robot never has them."""


@dataclass(frozen=True)
class Observation:
    """One aligned set of sensor values, keyed and shaped by the embodiment contract."""

    values: Mapping[str, np.ndarray]
    """Contract key -> array. Images uint8 [height width 3]; all else float32 [size] in SI units."""
    stamp_s: float = 0.0
    """Time of the oldest value in it [s], on the clock of whoever made the observation."""
    privileged: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Ground truth requested by name (`privileged/...`); empty on a robot and for every learned policy."""
