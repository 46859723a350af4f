"""Collect demonstrations: expert episodes with noise in the executed action, or single-frame snapshots.

Parallel processes, no ROS, resumable: an episode or a file of snapshots that exists is not made again.
Seeds 900000 and above are kept for evaluation and refused here.
"""

from __future__ import annotations

import os
from concurrent.futures import as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gato_ros.core.bounds import Count, Episodes, Processes, Seed, ShareAboveZero, ShareBelowOne, check_bounds
from gato_ros.core.errors import SetupError
from gato_ros.domains.registry import STACKING
from gato_ros.evaluation.option_checks import OutFolder
from gato_ros.evaluation.progress import counted
from gato_ros.evaluation.worker_pool import worker_pool

FIRST_EVALUATION_SEED = 900_000
SCENES_PER_FILE = 100


@dataclass(frozen=True)
class Options:
    """What to collect, and where."""

    out: OutFolder
    """Folder for the episodes (one MCAP each) or the snapshot files."""
    domain: str = "rgb_stacking"
    """rgb_stacking (the robot), or babyai (`pip install minigrid`), of which only --task, --episodes, --seed and
    --workers count."""
    kind: Literal["episodes", "snapshots"] = "episodes"
    """`episodes`: the expert acts, with noise; `snapshots`: random situations without physics, labelled."""
    objects: str = "cubes"
    """Object set: cubes, triplet1..triplet5, train."""
    task: str = "red_on_blue"
    """What to stack on what: red_on_blue or blue_on_green. Of another domain its own, like go_to_local."""
    embodiment: str = "sawyer_rgb_stacking"
    """Name or path of the contract; sawyer_rgb_stacking_told records the task in words, too."""
    episodes: Episodes = 100
    """Episodes to attempt, or scenes to draw (a scene gives `per_scene` frames)."""
    seed: Seed = 0
    """Seed of the first; the next ones count up."""
    workers: Processes = os.cpu_count() or 1
    """Processes."""
    image_share: ShareAboveZero = 0.25
    """Share of plain ticks that are rendered (up to three times as many where fingers move). 1 renders all."""
    per_scene: Count = 4
    """Snapshots per scene."""
    keep_failures: bool = False
    """Keep episodes that did not end in a stack, too."""
    randomise: bool = False
    """Vary light, colours, textures, cameras, friction, mass, delay and noise (sim/randomisation.py, TRAINING)."""
    policy: str | None = None
    """Weights, a folder or a shipped name, that drive while the expert labels (DAgger); default: the expert drives."""
    expert_share: ShareBelowOne = 0.3
    """With --policy: share of one-second segments that the expert drives, so that a jam ends."""
    compilation_cache: str = ""
    """Folder for compiled code of --policy, `off`, or nothing: the user's cache."""
    json: Path | None = None
    """Write the result here as JSON."""


def run(options: Options) -> dict:
    """Collect, with a progress bar; returns counts."""
    if options.domain != STACKING:
        from gato_ros.evaluation.foreign.collection import collect
        from gato_ros.evaluation.foreign.options import given_task, only

        only(options, ("out", "task", "episodes", "seed", "workers"))
        return collect(
            options.domain, given_task(options), options.out, options.episodes, options.seed, options.workers
        )
    from gato_ros.evaluation.policy_source import choose_compilation_cache

    choose_compilation_cache(options.compilation_cache)
    _check(options)
    options.out.mkdir(parents=True, exist_ok=True)
    if options.kind == "episodes":
        jobs = [(seed, 1) for seed in range(options.seed, options.seed + options.episodes) if not _done(options, seed)]
    else:
        starts = range(options.seed, options.seed + options.episodes, SCENES_PER_FILE)
        jobs = [
            (start, min(SCENES_PER_FILE, options.seed + options.episodes - start))
            for start in starts
            if not _done(options, start)
        ]
    counts = {"attempted": 0, "kept": 0, "frames": 0}
    with worker_pool(options.workers) as pool, counted("collect", len(jobs)) as advance:
        for future in as_completed([pool.submit(_work, options, *job) for job in jobs]):
            for key, value in future.result().items():
                counts[key] += value
            advance(f"kept {counts['kept']} of {counts['attempted']}, {counts['frames']} frames")
    skipped = options.episodes - sum(count for _, count in jobs)
    print(f"{counts['kept']} of {counts['attempted']} kept, {counts['frames']} frames, {skipped} were there already")
    return {**counts, "skipped": skipped, "out": str(options.out)}


def _check(options: Options) -> None:
    from gato_ros.core.errors import unknown_name
    from gato_ros.embodiments import load_embodiment
    from gato_ros.sim.task import OBJECT_SETS, stack_task

    check_bounds(options)
    embodiment = load_embodiment(options.embodiment)
    stack_task(options.task)
    if options.objects not in OBJECT_SETS:
        raise unknown_name("an object set", options.objects, OBJECT_SETS)
    if options.seed + options.episodes > FIRST_EVALUATION_SEED:
        raise SetupError(
            expected=f"seeds from 0 up to {FIRST_EVALUATION_SEED}",
            fix="higher seeds are for evaluation",
            got=f"{options.seed} to {options.seed + options.episodes}",
        )
    if options.policy is not None:
        from gato_ros.evaluation.policy_source import make_policy

        if options.kind == "snapshots":
            raise SetupError(
                expected="--policy with --kind episodes", got="--kind snapshots", fix="nothing drives in a snapshot"
            )
        make_policy(options.policy, embodiment)


def _name(options: Options, seed: int) -> str:
    """A file's name without its ending: what differs in one of its parts is other data, not done already."""
    parts = [options.objects]
    # Not said where they are the default: the names are those of before there was a choice.
    parts += [options.task] if options.task != Options.task else []
    parts += [Path(options.embodiment).stem] if options.embodiment != Options.embodiment else []
    kind = "snapshots" if options.kind == "snapshots" else "dagger" if options.policy else "expert"
    return "-".join([*parts, kind, f"{seed:06d}"])


def _done(options: Options, seed: int) -> bool:
    from gato_ros.data.frames import SUFFIX

    name = _name(options, seed)
    marks = (options.out / f"{name}.mcap", options.out / ".failed" / name, options.out / f"{name}{SUFFIX}")
    return any(path.exists() for path in marks)


_SETUP: dict = {}


def _parts(options: Options) -> tuple:
    """Environment, expert and driver of this worker process, made once."""
    if not _SETUP:
        from gato_ros.embodiments import load_embodiment
        from gato_ros.sim.env import PRIVILEGED_KEYS, RgbStackingEnv
        from gato_ros.sim.expert import StackingExpert
        from gato_ros.sim.randomisation import TRAINING
        from gato_ros.sim.task import stack_task

        env = RgbStackingEnv(
            options.objects,
            privileged=PRIVILEGED_KEYS,
            embodiment=load_embodiment(options.embodiment),
            randomisation=TRAINING if options.randomise else None,
            wanted=stack_task(options.task),
        )
        expert = driver = StackingExpert(env.embodiment, stack_task(options.task))
        if options.policy:
            from gato_ros.evaluation.policy_source import make_policy

            driver = make_policy(options.policy, env.embodiment)
        _SETUP.update(env=env, expert=expert, driver=driver)
    return _SETUP["env"], _SETUP["expert"], _SETUP["driver"]


def _work(options: Options, seed: int, count: int) -> dict:
    env, expert, driver = _parts(options)
    return (
        _episode(options, seed, env, expert, driver)
        if options.kind == "episodes"
        else _scenes(options, seed, count, env, expert)
    )


def _episode(options: Options, seed: int, env, expert, driver) -> dict:
    from gato_ros.data.episodes.episode import EpisodeWriter
    from gato_ros.sim.demonstration import Noise, demonstrate

    noise = Noise()
    name = _name(options, seed)
    metadata = {
        "seed": seed,
        "object_set": options.objects,
        "task": options.task,
        "driver": options.policy or "expert",
        "image_share": options.image_share,
        "randomise": options.randomise,
        "expert_share": options.expert_share if options.policy else None,
    }
    with EpisodeWriter(options.out, name, env.embodiment, metadata) as writer:
        frames = tick = 0
        expert_share = options.expert_share if options.policy else 0.0
        steps = demonstrate(env, driver, expert, seed, noise, options.image_share, expert_share)
        for tick, step in enumerate(steps):
            frames += any(key in step.observation.values for key in env.embodiment.image_keys)
            writer.add(tick, step.observation, step.label, step.executed, step.observation.privileged)
        stacked = env.stacked
        if stacked or options.keep_failures:
            writer.close({"success": stacked, "steps": tick + 1, "objects": list(env.world.object_names)})
            return {"attempted": 1, "kept": 1, "frames": frames}
    mark = options.out / ".failed" / name  # so that a resumed run does not try it again
    mark.parent.mkdir(exist_ok=True)
    mark.touch()
    return {"attempted": 1, "kept": 0, "frames": 0}


def _scenes(options: Options, first: int, count: int, env, expert) -> dict:
    from gato_ros.data.frames import SUFFIX, make_frames, save_frames
    from gato_ros.sim.snapshot import snapshots

    rows = (
        (step.observation, step.label)
        for seed in range(first, first + count)
        for step in snapshots(env, expert, seed, options.per_scene)
    )
    frames = make_frames(env.embodiment.image_keys, rows)
    save_frames(options.out / f"{_name(options, first)}{SUFFIX}", frames)
    return {"attempted": count, "kept": count, "frames": len(frames)}
