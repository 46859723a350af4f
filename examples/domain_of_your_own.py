"""A domain of your own in one file: a Gymnasium environment, demonstrations, training: [FOLDER] [STEPS]."""

import sys
from dataclasses import replace
from pathlib import Path

import gymnasium

from gato_ros.core.action import Action
from gato_ros.core.contract import SpecContract
from gato_ros.core.observation import Observation
from gato_ros.data.frames import make_frames
from gato_ros.domains.spaces import step_spec_of
from gato_ros.models.presets import PRESETS
from gato_ros.models.serving.policy import GatoPolicy
from gato_ros.training.cloning import clone
from gato_ros.training.config import TrainingConfig

folder, steps = Path((sys.argv + ["out/cartpole"])[1]), int((sys.argv + ["", "400"])[2] or 400)
env = gymnasium.make("CartPole-v1")
contract = SpecContract("cartpole", step_spec_of(env.observation_space, env.action_space))


def play(act, seed):
    """What was seen and done until the pole fell, or until 500 steps were over."""
    rows, (seen, _), over = [], env.reset(seed=seed), False
    while not over:
        rows.append((Observation({"observation": seen}), act(seen)))
        seen, _, fallen, late, _ = env.step(int(rows[-1][1].as_vector()[0]))
        over = fallen or late
    return rows


expert = lambda seen: Action({"action": int(0.1 * seen[0] + 0.3 * seen[1] + 3 * seen[2] + seen[3] > 0)})
frames = [make_frames((), play(expert, seed)) for seed in (0, 1)]
model = replace(PRESETS["debug_one_pass"], observation_keys=("observation",), stem=(), auxiliary=(), text_rows=8)
clone(contract, model, *frames, folder, TrainingConfig(steps=steps, blind_share=0.0, token_noise_bins=0))
policy = GatoPolicy.from_directory(folder / "last", contract)
kept = play(lambda seen: policy.act(Observation({"observation": seen})).action, seed=10)
print(f"learned from one episode of {len(frames[0])} steps: the pole stayed up for {len(kept)} of 500")
