"""Demonstrations of a domain's expert, as files of labelled frames. Resumable: a file that exists is not made again."""

from __future__ import annotations

from concurrent.futures import as_completed
from functools import lru_cache
from pathlib import Path

from gato_ros.core.errors import SetupError
from gato_ros.data.frames import SUFFIX, make_frames, save_frames
from gato_ros.domains.domain import Domain, Environment
from gato_ros.domains.registry import load_domain, task_of
from gato_ros.evaluation.progress import counted
from gato_ros.evaluation.worker_pool import worker_pool

EPISODES_PER_FILE = 100
FIRST_EVALUATION_SEED = 900_000


def collect(name: str, task: str | None, out: Path, episodes: int, seed: int, workers: int) -> dict:
    """Let the expert of a domain play `episodes` from `seed` on; counts of episodes and frames.

    Episodes that end without success are left out.

    Raises:
        SetupError: no such domain or task, a missing package, or seeds that are for evaluation.
    """
    domain = load_domain(name)
    task = task_of(domain, task)
    domain.environment(task).close()  # what is missing is said before a process is started
    if seed + episodes > FIRST_EVALUATION_SEED:
        raise SetupError(
            expected=f"seeds from 0 up to {FIRST_EVALUATION_SEED}",
            got=f"{seed} to {seed + episodes}",
            fix="higher seeds are for evaluation",
        )
    out.mkdir(parents=True, exist_ok=True)
    starts = range(seed, seed + episodes, EPISODES_PER_FILE)
    jobs = [(first, min(EPISODES_PER_FILE, seed + episodes - first)) for first in starts]
    left = [job for job in jobs if not (out / file_name(name, task, *job)).exists()]
    counts = {"attempted": 0, "kept": 0, "frames": 0}
    with worker_pool(workers) as pool, counted("collect", len(left)) as advance:
        for future in as_completed([pool.submit(_play, name, task, out, *job) for job in left]):
            for key, value in future.result().items():
                counts[key] += value
            advance(f"kept {counts['kept']} of {counts['attempted']}, {counts['frames']} frames")
    skipped = episodes - sum(count for _, count in left)
    print(f"{counts['kept']} of {counts['attempted']} kept, {counts['frames']} frames, {skipped} were there already")
    return {**counts, "skipped": skipped, "out": str(out)}


def file_name(name: str, task: str, first: int, count: int) -> str:
    """Of the frames of episodes `first` to `first + count`: another number of them is another file."""
    return f"{name}-{task}-expert-{first:06d}-{count:03d}{SUFFIX}"


@lru_cache(maxsize=1)
def _world(name: str, task: str) -> tuple[Domain, Environment]:
    domain = load_domain(name)
    return domain, domain.environment(task)


def _play(name: str, task: str, out: Path, first: int, count: int) -> dict:
    domain, environment = _world(name, task)
    expert, rows, kept = domain.expert(task, environment), [], 0
    for seed in range(first, first + count):
        _, info = environment.reset(seed=seed)
        expert.reset()
        episode, ended = [], False
        while not ended:
            observation = environment.observe()
            action = expert.act(observation).action
            episode.append((observation, action))
            _, terminated, truncated, info = environment.step_action(action)
            ended = terminated or truncated
        if info["success"]:
            rows += episode
            kept += 1
    images = tuple(key for key, spec in domain.contract(task).spec.observations.items() if spec.kind == "image")
    frames = make_frames(images, rows)
    save_frames(out / file_name(name, task, first, count), frames)
    return {"attempted": count, "kept": kept, "frames": len(frames)}
