"""What weights are made for: a robot, or a game."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from gato_ros.core.spec import StepSpec, step_spec_to_dict


@runtime_checkable
class Contract(Protocol):
    """A name, the spec of a step, and what of it weights depend on. A robot's is `embodiments.Embodiment`."""

    @property
    def name(self) -> str:
        """Of the robot or the game."""
        ...

    @property
    def digest(self) -> str:
        """sha256 of all that the contract says."""
        ...

    @property
    def spec(self) -> StepSpec:
        """What is observed and done in one step."""
        ...

    def policy_contract(self, observation_keys: Iterable[str]) -> dict[str, Any]:
        """What weights that read these keys depend on, as plain values for JSON; SetupError for an unknown key."""
        ...


@dataclass(frozen=True)
class SpecContract:
    """The contract of a domain that has no robot: its spec is all that there is to agree on."""

    name: str
    spec: StepSpec

    @property
    def digest(self) -> str:
        """That of the spec."""
        return self.spec.digest

    def policy_contract(self, observation_keys: Iterable[str]) -> dict[str, Any]:
        """The spec of these observations and of all actions."""
        return step_spec_to_dict(self.spec.only(tuple(observation_keys)))
