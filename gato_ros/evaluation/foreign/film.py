"""Episodes of domains with pictures, as films that a page can hold."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gato_ros.core.errors import SetupError
from gato_ros.domains.registry import load_domain
from gato_ros.evaluation.foreign.plays import Run, weights_of
from gato_ros.evaluation.foreign.policies import EXPERT, RANDOM, chance, seed_draws
from gato_ros.evaluation.foreign.task_result import TaskResult
from gato_ros.evaluation.outcomes import run_episode

SIDE_PX = 320
"""Pictures are shown no larger."""
MOST_FRAMES = 600
"""A longer film is played faster: every second, third ... picture of it."""
USUAL_RATE_HZ = 10.0


@dataclass(frozen=True)
class Film:
    """Of one episode."""

    domain: str
    task: str
    seed: int
    success: bool
    score: float
    steps: int
    reproduced: bool
    """Whether it went as the one that counts did."""
    video: str
    """H.264 as a data URL."""


def films_to_make(results: Mapping[tuple[str, str], TaskResult], each: int) -> list[tuple[str, str, int]]:
    """Domain, task and seed of up to `each` successes and as many failures of every domain, of one task each first."""
    chosen = []
    for domain in dict.fromkeys(name for name, _ in results):
        for wanted in (True, False):
            ranked = []
            for (name, task), found in results.items():
                seeds = [seed for seed, success in zip(found.seeds, found.successes) if success == wanted]
                ranked += [(turn, task, seed) for turn, seed in enumerate(seeds) if name == domain]
            # The tasks in their order, one episode of each before the second of any.
            ranked.sort(key=lambda one: one[0])
            chosen += [(domain, task, seed) for _, task, seed in ranked[:each]]
    return chosen


def film(run: Run, seed: int, known: tuple[bool, int]) -> Film | str:
    """Play an episode again with pictures; why it cannot be filmed, where nothing can be drawn here.

    Args:
        known: success and steps of the episode that counted.
    """
    domain = load_domain(run.domain)
    environment = domain.environment(run.task, render_mode="rgb_array")
    try:
        if run.policy == EXPERT:
            policy = domain.expert(run.task, environment)
        elif run.policy == RANDOM:
            policy = chance(domain, run.task, seed)
        else:
            policy = weights_of(run)
        if hasattr(domain, "show"):
            domain.show(environment, policy.observation_keys)
        pictures: list[np.ndarray] = []
        seed_draws(policy, seed)
        outcome = run_episode(environment, policy, seed, lambda: pictures.append(_shown(environment.render())))
        score = float(outcome.success) if domain.metric == "success" else outcome.reward
        rate_hz = float(getattr(environment, "metadata", {}).get("render_fps", USUAL_RATE_HZ))
    except SetupError as error:
        return str(error)
    finally:
        environment.close()
    reproduced = (outcome.success, outcome.steps) == known
    if outcome.steps == 1:
        pictures = pictures[-1:]  # question and answer: a player would stop at the first picture, without the answer
    video = _video(pictures[:: 1 + len(pictures) // MOST_FRAMES], rate_hz)
    return Film(run.domain, run.task, seed, outcome.success, score, outcome.steps, reproduced, video)


def _shown(picture: Any) -> np.ndarray:
    """uint8 [even even 3], no side longer than SIDE_PX; small pictures are enlarged by a whole number."""
    import cv2

    picture = np.asarray(picture, np.uint8)
    scale = SIDE_PX / max(picture.shape[:2])
    scale = float(int(scale)) if scale >= 2 else min(scale, 1.0)
    height, width = (max(2, round(side * scale) // 2 * 2) for side in picture.shape[:2])
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST)


def _video(pictures: list[np.ndarray], rate_hz: float) -> str:
    from gato_ros.data.exports.video import write_film

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "episode.mp4"
        write_film(path, pictures, rate_hz)
        return "data:video/mp4;base64," + base64.b64encode(path.read_bytes()).decode()
