"""The demonstration that a policy's node has to follow, read and checked before it is used."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from gato_ros.core.errors import SetupError, unknown_name
from gato_ros.core.policy import Policy
from gato_ros.core.prompt import Prompt
from gato_ros.data.episodes.prompt import Part, read_prompt
from gato_ros.embodiments import Embodiment


def load_prompt(name: str, part: str, policy: Policy, robot: Embodiment) -> Prompt | None:
    """As much of the episode in the file `name` as the policy's window holds; None where no file is named.

    Raises:
        SetupError: a policy that takes no prompts, no such part, or a file that is not a whole episode of this robot.
    """
    if part not in get_args(Part):
        raise unknown_name("prompt_part", part, get_args(Part))
    if not name:
        return None
    steps = policy.info.prompt_steps
    if not steps:
        raise SetupError(
            expected="a policy that was trained with prompts",
            got=f"one that was not, and prompt {name}",
            fix="leave `prompt` empty, or name other weights",
        )
    prompt = read_prompt(Path(name), robot, policy.observation_keys, steps, part)
    policy.check_prompt(prompt)
    return prompt
