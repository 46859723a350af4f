"""What some policies decide on fixed observations, so that one set of packages can be compared with another.

`python -m tests.models.fixed_decisions` writes fixed_decisions.json anew, by the set of requirements/runtime.txt. That
is right only after the weights or the model's mathematics have changed on purpose.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np

from gato_ros.core.observation import Observation
from gato_ros.core.text import value_from_text
from gato_ros.embodiments import Embodiment, load_embodiment
from gato_ros.evaluation.policy_source import robot_for, shipped_policies
from gato_ros.models.layout import token_layout
from gato_ros.models.parameters import parameter_shapes
from gato_ros.models.presets import PRESETS
from gato_ros.models.serving.policy import GatoPolicy

EXPECTED = Path(__file__).with_suffix(".json")
STEPS = 8
LEAST_MARGIN = 2e-3
"""Choices between bins whose logits are nearer than this are no choices: they would differ between two machines."""


def policies() -> dict[str, tuple[GatoPolicy, Embodiment]]:
    """The shipped policies, each with a robot that it knows, and a streaming one, whose weights numpy draws: JAX's
    generators may change.
    """
    robot = load_embodiment()
    config, rng = PRESETS["debug"], np.random.default_rng(0)

    def draw(part):
        if isinstance(part, dict):
            return {name: draw(part[name]) for name in sorted(part)}
        return rng.normal(0.0, 0.3, part.shape).astype(np.float32)

    params = draw(parameter_shapes(config, token_layout(robot.spec, config)))
    made = {"streaming": (GatoPolicy(params, config, robot), robot)}
    for folder in shipped_policies():
        known = load_embodiment(robot_for(str(folder)))
        made[folder.name] = GatoPolicy.from_directory(folder, known), known
    return made


def decisions(policy: GatoPolicy, robot: Embodiment, seeds: list[int] | None = None) -> dict[str, list]:
    """Actions [steps 5] in SI units, and the logit margins and entropies [steps actions] they were chosen with.

    The observations are those of `seeds`; without, the first that leave the policy in no doubt: single ones, or a run
    of them for a policy with a memory.
    """
    if seeds is not None:
        return _decided(policy, robot, seeds)
    sure = lambda seeds: np.min(_decided(policy, robot, seeds)["margins"]) >= LEAST_MARGIN  # noqa: E731
    if policy.info.remembers:
        runs = ([first + step for step in range(STEPS)] for first in range(100))
        return _decided(policy, robot, next(filter(sure, runs)))
    return _decided(policy, robot, [seed for seed in range(100) if sure([seed])][:STEPS])


def _decided(policy: GatoPolicy, robot: Embodiment, seeds: list[int]) -> dict[str, list]:
    policy.reset()
    found: dict[str, list] = {"seeds": list(seeds), "actions": [], "margins": [], "entropies": []}
    for seed in seeds:
        decision = policy.act(Observation(_draw_observation(policy, robot, seed)))
        found["actions"].append(decision.action.as_vector().tolist())
        found["margins"].append(np.asarray(decision.trace.logit_margin, float).round(6).tolist())
        found["entropies"].append(np.asarray(decision.trace.entropy_nat, float).round(6).tolist())
    return found


def _draw_observation(policy: GatoPolicy, robot: Embodiment, seed: int) -> dict[str, np.ndarray]:
    rng, values = np.random.default_rng(seed), {}
    for key in policy.observation_keys:
        channel = robot.channel(key)
        if channel.kind == "text":
            values[key] = value_from_text("stack red on blue", channel.size_bytes)
        elif channel.kind == "image":
            values[key] = rng.integers(0, 256, channel.shape, dtype=np.uint8)
        elif channel.kind == "discrete":
            values[key] = rng.integers(0, channel.values, channel.shape).astype(np.float32)
        else:
            values[key] = rng.uniform(channel.lower, channel.upper, channel.shape).astype(np.float32)
    return values


if __name__ == "__main__":
    written = {
        "packages": {name: version(name) for name in ("jax", "numpy")},
        "policies": {name: decisions(*made) for name, made in sorted(policies().items())},
    }
    EXPECTED.write_text(json.dumps(written) + "\n")
