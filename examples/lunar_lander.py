"""A domain in one file: Gymnasium's LunarLander, and the rule that comes with it (`pip install gymnasium[box2d]`).

Give the path of this file wherever a verb takes --domain.
"""

from functools import partial

import gymnasium

from gato_ros.domains.gymnasium_domain import GymnasiumDomain
from gato_ros.models.config import GatoConfig


def world(render_mode, **options):
    """Eight numbers of a craft above the ground: place, speed, angle, legs. Four buttons: none, or one of three."""
    return gymnasium.make("LunarLander-v3", render_mode=render_mode, **options)


def rule(environment, seen):
    """The expert."""
    from gymnasium.envs.box2d.lunar_lander import heuristic

    return heuristic(environment, seen)


def landed(reward, terminated, truncated, info):
    """Whether it is at rest: the last step of a crash, or of a flight out of the picture, is worth -100."""
    return terminated and reward > 0


DOMAIN = GymnasiumDomain(
    "lunar_lander",
    {"land": world, "land_in_wind": partial(world, enable_wind=True)},
    rule,
    landed,
    {
        "lander_small": GatoConfig(
            layers=3,
            width=64,
            heads=4,
            head_size=16,
            feed_forward=256,
            observation_keys=("observation",),
            step_attention="full",
            continuous_encoding="range",
            text_rows=8,
        )
    },
    packages=("gymnasium", "box2d"),
)
