"""Expert episodes with noise in what is executed, where the expert's clean action is the label; and a policy's own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gato_ros.core.action import Action
from gato_ros.core.observation import Observation
from gato_ros.core.policy import Policy
from gato_ros.embodiments import Embodiment
from gato_ros.embodiments.actions.hold import full_command
from gato_ros.embodiments.contract import OPENING
from gato_ros.sim.env import RgbStackingEnv
from gato_ros.sim.expert import Expert


@dataclass(frozen=True)
class Noise:
    """Disturbance of the executed action, so that demonstrations show the way back (DART, Laskey et al. 2017)."""

    clean_episodes: float = 0.15
    """Share of episodes without any disturbance."""
    velocity: float = 0.12
    """Standard deviation of a slowly changing error of the arm's motion, as a share of the largest."""
    correlation: float = 0.9
    """How much of that error stays from tick to tick."""
    burst: float = 0.02
    """Chance per tick that 3 to 10 ticks of random motion begin."""
    gripper_flip: float = 0.003
    """Chance per tick that the gripper does the opposite for 4 to 10 ticks."""


@dataclass(frozen=True)
class Step:
    """One tick of a demonstration."""

    observation: Observation
    """What was seen; without images where this tick was not rendered."""
    label: Action
    """What the expert would do here; of a policy's own episode what it did."""
    executed: Action
    """What was done."""


class Disturbance:
    """The running state of `Noise` in one episode."""

    def __init__(self, noise: Noise, robot: Embodiment, rng: np.random.Generator):
        self._noise, self._robot, self._rng = noise, robot, rng
        self._full, self._arm, self._gripper = full_command(robot), robot.arm_part, robot.gripper_part
        self._clean = rng.random() < noise.clean_episodes
        self._drift = np.zeros(len(self._full))
        self._burst_left = self._flip_left = 0
        self._burst = np.zeros(len(self._full))

    def apply(self, action: Action) -> Action:
        """The action to execute in place of `action`."""
        if self._clean:
            return action
        noise, rng, arm = self._noise, self._rng, self._arm
        spread = np.sqrt(1 - noise.correlation**2) * noise.velocity
        self._drift = noise.correlation * self._drift + spread * rng.normal(size=len(self._full))
        if self._burst_left == 0 and rng.random() < noise.burst:
            self._burst_left, self._burst = int(rng.integers(3, 11)), self._random_motion()
        if self._flip_left == 0 and rng.random() < noise.gripper_flip:
            self._flip_left = int(rng.integers(4, 11))
        wanted = action.values[self._robot.arm_key]
        values = wanted + self._drift * self._full
        if self._burst_left:
            self._burst_left -= 1
            # Where no number means standing still, a motion starts where the arm is wanted.
            values = self._burst if arm.standstill is not None else wanted + self._burst
        gripper = float(action.values[self._robot.gripper_key][0])
        if self._flip_left:
            self._flip_left -= 1
            gripper = self._gripper.lower[0] + self._gripper.upper[0] - gripper
        return Action({self._robot.arm_key: np.clip(values, arm.lower, arm.upper), self._robot.gripper_key: gripper})

    def _random_motion(self) -> np.ndarray:
        if self._arm.standstill is None:
            return self._rng.uniform(-self._full, self._full)
        return self._rng.uniform(self._arm.lower, self._arm.upper)


SEGMENT_TICKS = 20
"""For so long one of two drivers stays in command."""


def demonstrate(
    env: RgbStackingEnv,
    driver: Policy,
    labeller: Expert,
    seed: int,
    noise: Noise,
    image_share: float = 1.0,
    expert_share: float = 0.0,
) -> Iterator[Step]:
    """Steps of one episode, until it is a success or its time is over.

    Args:
        env: made with every key that `driver` and `labeller` read.
        driver: chooses what is executed, before the disturbance.
        labeller: gives the labels; may be the driver itself.
        seed: start of the episode and of the noise.
        image_share: share of plain ticks that are kept with images; where fingers move or contacts are near, up to
            three times as many are.
        expert_share: share of one-second segments that `labeller` drives in place of `driver`, so that a jam ends
            and what comes after it is seen, too (DAgger's mixture, Ross et al. 2011).
    """
    env.start(seed)
    rng = np.random.default_rng([seed, 1])
    driver.reset()
    labeller.reset()
    disturbance = Disturbance(noise, env.embodiment, rng)
    driver_sees = any(key in driver.observation_keys for key in env.embodiment.image_keys)
    opening_before, tick, rescued = None, 0, False
    succeeded = ended = False
    while not (succeeded or ended):
        bare = env.observe(images=False)
        opening = float(bare.values[OPENING][0])
        wish = labeller.wish(bare)
        label = labeller.in_contract(wish, bare)
        moving = opening_before is not None and abs(opening - opening_before) > 5e-4 * env.world.cell.scale
        slow = np.abs(wish.twist[:2]).max() < 0.03 * env.world.cell.scale
        kept = rng.random() < image_share * (3.0 if moving or slow else 1.0)
        if expert_share and tick % SEGMENT_TICKS == 0:
            rescued = rng.random() < expert_share
        by_expert = rescued or driver is labeller
        seen = env.observe() if kept or (driver_sees and not by_expert) else bare
        executed = disturbance.apply(label if by_expert else driver.act(seen).action)
        yield Step(labeller.with_plan(seen if kept else bare), label, executed)
        opening_before, tick = opening, tick + 1
        _, terminated, truncated, info = env.step_action(executed)
        succeeded, ended = info["success"], terminated or truncated


def driven(env: RgbStackingEnv, driver: Policy, seed: int, image_share: float = 1.0) -> Iterator[Step]:
    """Steps of one episode that `driver` drives alone: nobody labels, nothing is disturbed, no ground truth is read.

    Args:
        env: made with every key that `driver` reads, and no privileged one.
        driver: what it executes is the label. It explores by what it draws, where it does.
        seed: start of the episode.
        image_share: as in `demonstrate`, but where fingers move alone: nobody knows what the expert wants.
    """
    env.start(seed)
    rng = np.random.default_rng([seed, 1])
    driver.reset()
    opening_before = None
    succeeded = ended = False
    while not (succeeded or ended):
        seen = env.observe()
        opening = float(seen.values[OPENING][0])
        moving = opening_before is not None and abs(opening - opening_before) > 5e-4 * env.world.cell.scale
        kept = rng.random() < image_share * (3.0 if moving else 1.0)
        executed = driver.act(seen).action
        yield Step(seen if kept else _without_images(seen, env.embodiment), executed, executed)
        opening_before = opening
        _, terminated, truncated, info = env.step_action(executed)
        succeeded, ended = info["success"], terminated or truncated


def _without_images(seen: Observation, robot: Embodiment) -> Observation:
    values = {key: value for key, value in seen.values.items() if key not in robot.image_keys}
    return Observation(values, seen.stamp_s, seen.privileged)
