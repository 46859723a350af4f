"""Whether a policy's node takes other weights: its parameter `policy`, set while it is inactive."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from gato_ros.core.errors import SetupError
from gato_ros.embodiments import load_embodiment
from gato_ros.nodes.runtime.parameters import PolicyParameters
from gato_ros.remote.address import is_remote, parse_address

INACTIVE = "policy_node inactive, to take other weights"
"""What the refusal of weights that fit expects: whoever reads it may deactivate the node and try again."""


def refusal(parameters: PolicyParameters, changed: Mapping[str, Any], active: bool) -> str | None:
    """Why other weights are not taken: they do not fit the robot, or the node is active. Configure loads them."""
    if (name := changed.get("policy")) is None:
        return None
    # To load JAX takes seconds in which a policy that acts without it would be late.
    may_look = not active or "jax" in sys.modules
    try:
        if is_remote(name):
            parse_address(name)  # what is there, configure asks
        elif name != "hold" and may_look:
            from gato_ros.models.shipped import weights_folder
            from gato_ros.models.weights import check_fit

            check_fit(weights_folder(name, besides=("hold",)), load_embodiment(parameters.embodiment))
        if active:
            raise SetupError(
                expected=INACTIVE,
                got="an active one",
                fix="deactivate it first; cleanup and configure then load them",
            )
    except SetupError as error:
        return str(error)
    return None
