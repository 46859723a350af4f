"""A domain in one file that needs nothing but Gymnasium: the pole on a cart, and a rule that keeps it up."""

import gymnasium

from gato_ros.domains.gymnasium_domain import GymnasiumDomain
from gato_ros.models.config import GatoConfig

DOMAIN = GymnasiumDomain(
    "pole",
    {
        task: lambda render_mode, steps=steps: gymnasium.make(
            "CartPole-v1", max_episode_steps=steps, render_mode=render_mode
        )
        for task, steps in (("short", 30), ("long", 60))
    },
    lambda environment, seen: int(0.1 * seen[0] + 0.3 * seen[1] + 3 * seen[2] + seen[3] > 0),
    lambda reward, terminated, truncated, info: truncated,
    {
        "pole_small": GatoConfig(
            layers=1,
            width=16,
            heads=1,
            head_size=16,
            feed_forward=32,
            observation_keys=("observation",),
            step_attention="full",
            text_rows=8,
        )
    },
)
