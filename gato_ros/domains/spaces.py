"""Specs as `gymnasium.spaces`, and back, for what Gymnasium can say. It knows no units, and no tokens of a text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces

from gato_ros.core.action import Action
from gato_ros.core.errors import SetupError
from gato_ros.core.spec import ContinuousSpec, DiscreteSpec, ImageSpec, Spec, StepSpec, TextSpec
from gato_ros.core.text import value_from_text

ONLY = "value"
"""Key of a space that is no dictionary."""
OBSERVATION, ACTION = "observation", "action"
"""Keys in a spec of spaces that are no dictionaries."""
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
    return StepSpec.of(_flat(observations, OBSERVATION), _flat(actions, ACTION))


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


def flat_values(observed: Any, specs: Mapping[str, Spec]) -> dict[str, np.ndarray]:
    """What an environment observed, by the keys and in the types of `step_spec_of`."""
    found = _by_key(observed, OBSERVATION)
    return {key: _value(found[key], spec) for key, spec in specs.items()}


def action_of(native: Any) -> Action:
    """An action as an action space has it, as one of the spec."""
    return Action({key: np.asarray(value, np.float64).reshape(-1) for key, value in _by_key(native, ACTION).items()})


def native_action(space: spaces.Space, action: Action, key: str = ACTION) -> Any:
    """Inverse of `action_of`. What lies outside the bounds of a box is clipped: bins have a width."""
    if isinstance(space, spaces.Dict):
        before = "" if key == ACTION else f"{key}/"
        return {name: native_action(one, action, f"{before}{name}") for name, one in space.spaces.items()}
    value = action.values[key]
    if isinstance(space, spaces.Discrete):
        return int(value[0])
    if isinstance(space, spaces.Box):
        return np.clip(value.reshape(space.shape), space.low, space.high).astype(space.dtype)
    return value.reshape(space.shape or (-1,)).astype(space.dtype or np.int64)


def _by_key(value: Any, key: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        return {key: value}
    found: dict[str, Any] = {}
    for name, one in value.items():
        for inner, leaf in _by_key(one, "").items():
            found[f"{name}/{inner}" if inner else name] = leaf
    return found


def _value(value: Any, spec: Spec) -> np.ndarray:
    if isinstance(spec, TextSpec):
        return value_from_text(value, spec.size_bytes)
    return np.asarray(value, spec.dtype).reshape(spec.shape)
