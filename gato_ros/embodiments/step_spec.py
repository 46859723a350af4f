"""A contract's channels as the spec of one step: all that a model and its training need to know of a robot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from gato_ros.core.spec import ContinuousSpec, DiscreteSpec, ImageSpec, Spec, StepSpec, TextSpec

if TYPE_CHECKING:
    from gato_ros.embodiments.actions.part import ActionPart
    from gato_ros.embodiments.channels import Channel


def step_spec(observations: Mapping[str, Channel], actions: Mapping[str, ActionPart]) -> StepSpec:
    """The spec of a robot's step; actions keep their order."""
    return StepSpec.of(
        {key: _observation(channel) for key, channel in observations.items()},
        {key: _action(part) for key, part in actions.items()},
    )


def _observation(channel: Channel) -> Spec:
    if channel.kind == "image":
        return ImageSpec(channel.height, channel.width)
    if channel.kind == "continuous":
        return ContinuousSpec(tuple(channel.lower), tuple(channel.upper), tuple(channel.units))
    if channel.kind == "discrete":
        return DiscreteSpec(channel.values)
    return TextSpec(channel.size_bytes, channel.tokens)


def _action(part: ActionPart) -> ContinuousSpec:
    return ContinuousSpec(tuple(part.lower), tuple(part.upper), tuple(part.units), part.binary)
