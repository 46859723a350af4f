"""A demonstration that conditions a policy: what was seen and done, step by step."""

from __future__ import annotations

from dataclasses import dataclass

from gato_ros.core.action import Action
from gato_ros.core.observation import Observation


@dataclass(frozen=True)
class Prompt:
    """Consecutive control steps of one episode, as the policy would have met them."""

    observations: tuple[Observation, ...]
    """With everything that the policy reads."""
    actions: tuple[Action, ...]
    """What was done at each of them."""
    name: str = ""
    """Of the episode it was taken from."""
    digest: str = ""
    """sha256 of that file."""
    taken: str = ""
    """Which part of the episode, in words."""

    def __post_init__(self) -> None:
        if not self.observations or len(self.observations) != len(self.actions):
            raise ValueError(
                f"a prompt has one action for each of one or more observations, got "
                f"{len(self.observations)} observations and {len(self.actions)} actions"
            )

    def __len__(self) -> int:
        return len(self.observations)

    def __str__(self) -> str:
        return f"{self.name or 'a demonstration'} ({self.taken or f'{len(self)} steps'}, sha256 {self.digest[:12]})"
