"""Single frames of random situations, without physics, labelled by the expert.

Cheap scene diversity: the props settle once, then arm (and the task's target) are put where an episode might find them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gato_ros.core.observation import Observation
from gato_ros.sim.demonstration import Step
from gato_ros.sim.env import RgbStackingEnv
from gato_ros.sim.expert import Expert
from gato_ros.sim.ground_truth import CONTACTS_KEY
from gato_ros.sim.situations import situations_of
from gato_ros.sim.task import COLOURS


def snapshots(env: RgbStackingEnv, expert: Expert, seed: int, per_scene: int) -> Iterator[Step]:
    """`per_scene` labelled frames of one random scene.

    The executed action of a snapshot is its label: nothing is executed.
    """
    env.start(seed)
    rng = np.random.default_rng([seed, 2])
    world, situations = env.world, situations_of(expert.task)
    names, shares = list(situations), [one.share for one in situations.values()]
    start = {colour: world.prop(colour) for colour in COLOURS}
    expert.reset()
    for _ in range(per_scene):
        for colour, state in start.items():
            world.put_prop(colour, state.position, state.quat_xyzw)
        situation = situations[str(rng.choice(names, p=shares))]
        if not situation.arrange(env, expert, rng):
            continue
        observation = env.observe()
        if situation.gripped:
            observation = _gripping(observation, env.embodiment.key_of("gripper_grasp"))
        label = expert.act(observation).action
        yield Step(expert.with_plan(observation), label, label)


def _gripping(observation: Observation, grasp_key: str) -> Observation:
    """The same observation as it reads while the fingers press on the target: a placed body exerts no force."""
    touches = observation.privileged[CONTACTS_KEY]
    return Observation(
        {**observation.values, grasp_key: np.ones(1, np.float32)},
        observation.stamp_s,
        {**observation.privileged, CONTACTS_KEY: np.array([1, 1, touches[2], 0], np.float32)},
    )
