"""Specs as `gymnasium.spaces`, and back, for what Gymnasium can say. It knows no units, and no tokens of a text."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from gymnasium import spaces

from gato_ros.core.errors import SetupError
from gato_ros.core.spec import ContinuousSpec, DiscreteSpec, ImageSpec, Spec, StepSpec, TextSpec

ONLY = "value"
"""Key of a space that is no dictionary."""
TEXT_TOKENS = 32
"""Room for a text in tokens, where nothing else is known."""


def space_of(spec: Spec) -> spaces.Space:
    """The space of one value, in the shape and type that the spec gives it."""
    if isinstance(spec, ImageSpec):
        return spaces.Box(0, 255, spec.shape, np.uint8)
    if isinstance(spec, ContinuousSpec):
        return spaces.Box(np.array(spec.lower, np.float32), np.array(spec.upper, np.float32), dtype=np.float32)
    if isinstance(spec, DiscreteSpec):
        return spaces.Discrete(spec.values) if spec.size == 1 else spaces.MultiDiscrete([spec.values] * spec.size)
    return spaces.Text(max_length=spec.size_bytes, min_length=0)


def spaces_of(spec: StepSpec) -> tuple[spaces.Dict, spaces.Space]:
    """Observation space and action space of a step; an action of one key is that key's space."""
    observations = spaces.Dict({key: space_of(one) for key, one in spec.observations.items()})
    actions = {key: space_of(one) for key, one in spec.actions.items()}
    return observations, next(iter(actions.values())) if len(actions) == 1 else spaces.Dict(actions)


def spec_of(space: spaces.Space, key: str = ONLY) -> Spec:
    """The spec of one value.

    Raises:
        SetupError: a space that no spec is for: a start other than 0, choices of different sizes, a picture that is no
            uint8 [height width 3], a box of more than one axis.
    """
    if isinstance(space, spaces.Box):
        if space.dtype == np.uint8 and len(space.shape) == 3 and space.shape[2] == 3:
            return ImageSpec(*space.shape[:2])
        if len(space.shape) == 1:
            lower, upper = (tuple(map(float, side)) for side in (space.low, space.high))
            return ContinuousSpec(lower, upper, ("1",) * space.shape[0])
    if isinstance(space, spaces.Discrete) and space.start == 0:
        return DiscreteSpec(int(space.n))
    if isinstance(space, spaces.MultiDiscrete) and space.nvec.ndim == 1 and len(set(space.nvec.tolist())) == 1:
        return DiscreteSpec(int(space.nvec[0]), len(space.nvec))
    if isinstance(space, spaces.MultiBinary) and len(space.shape) == 1:
        return DiscreteSpec(2, space.shape[0])
    if isinstance(space, spaces.Text):
        # A character takes up to four bytes of UTF-8.
        return TextSpec(4 * space.max_length, TEXT_TOKENS)
    raise SetupError(
        expected=f"a space of {key} that a spec is for: numbers in one row, a uint8 picture of three colours, a text",
        got=str(space),
        fix="wrap the environment so that it gives one (gymnasium.wrappers)",
    )


def step_spec_of(observations: spaces.Space, actions: spaces.Space) -> StepSpec:
    """The spec of an environment's step; SetupError as of `spec_of`. Spaces in a Dict may be nested."""
    return StepSpec.of(_flat(observations, "observation"), _flat(actions, "action"))


def _flat(space: spaces.Space, key: str) -> Mapping[str, Spec]:
    if not isinstance(space, spaces.Dict):
        return {key: spec_of(space, key)}
    found: dict[str, Spec] = {}
    for name, one in space.spaces.items():
        if isinstance(one, spaces.Dict):
            found.update({f"{name}/{inner}": spec for inner, spec in _flat(one, name).items()})
        else:
            found[name] = spec_of(one, name)
    return found
