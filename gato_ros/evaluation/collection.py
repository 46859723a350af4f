"""Demonstrations by the scripted expert: episodes with noise in the executed action, or single-frame snapshots."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from gato_ros.core.bounds import (
    Count,
    CountOrNone,
    Episodes,
    NotNegative,
    Processes,
    Seed,
    Share,
    ShareAboveZero,
    ShareBelowOne,
    check_bounds,
)
from gato_ros.core.errors import SetupError
from gato_ros.domains.registry import STACKING, STACKING_TASK
from gato_ros.evaluation.cluster.item import writes_into_folder
from gato_ros.evaluation.option_checks import OutFolder
from gato_ros.evaluation.progress import counted
from gato_ros.evaluation.worker_pool import worker_pool

if TYPE_CHECKING:
    from gato_ros.embodiments import Embodiment
    from gato_ros.sim.demonstration import Step

FIRST_EVALUATION_SEED = 900_000
SCENES_PER_FILE = 100
FOREIGN_OPTIONS = (
    "out",
    "task",
    "episodes",
    "seed",
    "workers",
    "ray",
    "noise",
    "policy",
    "expert_share",
    "keep_failures",
    "shard_episodes",
)
"""Those that count in another domain than the robot's."""

Labels = Literal["expert", "own"]
OWN: Labels = "own"


@dataclass(frozen=True)
class Collection:
    """What to collect, and where."""

    out: OutFolder
    """Folder for the episodes (one MCAP each) or the snapshot files."""
    kind: Literal["episodes", "snapshots"] = "episodes"
    """`episodes`: the expert acts, with noise; `snapshots`: random situations without physics, labelled."""
    objects: str = "cubes"
    """Object set: cubes, triplet1..triplet5, train."""
    task: str | None = None
    """What to do: red_on_blue (where none is named) or another two of red, green and blue, lift_red, push_red, or
    either with another colour. Of another domain its own, several with commas between them, or all; where none is
    named its first."""
    embodiment: str = "sawyer_rgb_stacking"
    """Name or path of the contract; those that end in _told record the task in words."""
    episodes: Episodes = 100
    """Episodes to attempt, or scenes to draw (a scene gives `per_scene` frames)."""
    seed: Seed = 0
    """Seed of the first; the next ones count up."""
    workers: Processes = os.cpu_count() or 1
    """Processes."""
    ray: str | None = None
    """Work on the machines of a Ray cluster, one process for each of its CPUs: HOST:PORT of its head, or auto: the one
    that this machine is part of (docs/how-to/cluster.md). --workers does not count then."""
    image_share: ShareAboveZero = 0.25
    """Share of plain ticks that are rendered (up to three times as many where fingers move). 1 renders all."""
    per_scene: Count = 4
    """Snapshots per scene."""
    keep_failures: bool = False
    """Keep episodes that did not succeed, too."""
    text_s: NotNegative | None = None
    """Record the task in words only for so long [s] after each reset, then an empty text (0: never), with a contract
    that has a text. Default: throughout."""
    randomise: bool = False
    """Vary light, colours, textures, cameras, friction, mass, delay and noise (sim/randomisation.py, TRAINING)."""
    policy: str | None = None
    """Weights, a folder or a shipped name, that drive while the expert labels (DAgger); default: the expert drives."""
    expert_share: ShareBelowOne = 0.3
    """With --policy: share of one-second segments (in another domain of ten steps) that the expert drives, so that a
    jam ends."""
    labels: Labels = "expert"
    """With --policy: whose actions are the labels. `own`: those of the policy, which drives alone, undisturbed; no
    ground truth is recorded (`improve` learns from the outcomes). `train` learns from these steps with --weights
    policy=1, and only from episodes that succeeded."""
    temperature: NotNegative | None = None
    """With --policy: draw its actions at this temperature, so that it explores; 0 takes the likeliest. Default: what
    its weights say."""
    compilation_cache: str = ""
    """Folder for compiled code of --policy, `off`, or nothing: the user's cache."""
    domain: str = STACKING
    """rgb_stacking (the robot), or another one (`pip install gato_ros[domains,atari]`): babyai, meta_world, atari or
    scenes; or a file of your own, PATH.py (docs/how-to/domains.md). There only --task, --episodes, --seed, --workers,
    --ray, --noise, --policy, --expert-share, --keep-failures and --shard-episodes count."""
    noise: Share = 0.0
    """In another domain than the robot's: disturb what is executed, and keep the expert's action as the label. Of
    discrete actions it is the share of steps with a random one; of continuous ones the standard deviation, as a share
    of half of their range."""
    shard_episodes: CountOrNone = 0
    """In another domain than the robot's: episodes of a file, all of which are in memory until it is written. 0: 500,
    or 10 where pictures are seen. A collection that goes on needs the same number."""

    @property
    def stacking_task(self) -> str:
        """The task where the domain is the robot's own."""
        return self.task or STACKING_TASK


def collect(wanted: Collection) -> dict[str, Any]:
    """Collect what is not there yet, with a progress bar; counts of what was attempted and kept.

    Raises:
        SetupError: what cannot be collected, before anything is made.
    """
    if wanted.domain != STACKING:
        from gato_ros.evaluation.foreign.collection import Demonstrations
        from gato_ros.evaluation.foreign.collection import collect as collect_foreign
        from gato_ros.evaluation.foreign.options import only

        only(wanted, FOREIGN_OPTIONS)
        check_bounds(wanted)
        options = {name: getattr(wanted, name) for name in FOREIGN_OPTIONS}
        return collect_foreign(Demonstrations(domain=wanted.domain, **options))
    from gato_ros.evaluation.policy_source import choose_compilation_cache

    choose_compilation_cache(wanted.compilation_cache)
    _check(wanted)
    if wanted.kind == "episodes":
        jobs = [(seed, 1) for seed in range(wanted.seed, wanted.seed + wanted.episodes) if not _done(wanted, seed)]
    else:
        starts = range(wanted.seed, wanted.seed + wanted.episodes, SCENES_PER_FILE)
        jobs = [
            (start, min(SCENES_PER_FILE, wanted.seed + wanted.episodes - start))
            for start in starts
            if not _done(wanted, start)
        ]
    counts = {"attempted": 0, "kept": 0, "frames": 0}
    reads = (wanted.policy, wanted.embodiment)
    with worker_pool(wanted.workers, wanted.ray, reads) as pool, counted("collect", len(jobs)) as advance:
        wanted.out.mkdir(parents=True, exist_ok=True)
        for future in as_completed([pool.submit(_work, wanted.out, wanted, *job) for job in jobs]):
            for key, value in future.result().items():
                counts[key] += value
            advance(f"kept {counts['kept']} of {counts['attempted']}, {counts['frames']} frames")
    skipped = wanted.episodes - sum(count for _, count in jobs)
    print(f"{counts['kept']} of {counts['attempted']} kept, {counts['frames']} frames, {skipped} were there already")
    return {**counts, "skipped": skipped, "out": str(wanted.out)}


def _check(wanted: Collection) -> None:
    from gato_ros.core.errors import unknown_name
    from gato_ros.embodiments import load_embodiment
    from gato_ros.sim.engine import require_simulator
    from gato_ros.sim.task import OBJECT_SETS, task_named

    require_simulator()
    check_bounds(wanted)
    if wanted.noise:
        raise SetupError(
            expected="--noise with another --domain",
            got=f"{wanted.noise:g}",
            fix="leave it out: the robot's demonstrations have a noise of their own",
        )
    embodiment = load_embodiment(wanted.embodiment)
    task_named(wanted.stacking_task)
    if wanted.objects not in OBJECT_SETS:
        raise unknown_name("an object set", wanted.objects, OBJECT_SETS)
    if wanted.seed + wanted.episodes > FIRST_EVALUATION_SEED:
        raise SetupError(
            expected=f"seeds from 0 up to {FIRST_EVALUATION_SEED}",
            fix="higher seeds are for evaluation",
            got=f"{wanted.seed} to {wanted.seed + wanted.episodes}",
        )
    if wanted.text_s is not None and not any(one.kind == "text" for one in embodiment.observations.values()):
        raise SetupError(
            expected="with --text-s a contract with the task as a text",
            got=embodiment.name,
            fix=f"leave it out, or name --embodiment {embodiment.name}_told",
        )
    if wanted.text_s is not None and wanted.kind == "snapshots":
        raise SetupError(
            expected="--kind episodes with --text-s", got="--kind snapshots", fix="no time passes in a snapshot"
        )
    _check_driver(wanted, embodiment)


def _check_driver(wanted: Collection, embodiment: Embodiment) -> None:
    from gato_ros.core.observation import PRIVILEGED_PREFIX
    from gato_ros.evaluation.policy_source import make_policy

    if wanted.policy is None:
        if wanted.labels == OWN or wanted.temperature is not None:
            raise SetupError(
                expected="--policy with --labels own and with --temperature",
                got="no --policy: the expert drives",
                fix="name the weights that are to drive",
            )
        return
    if wanted.kind == "snapshots":
        raise SetupError(
            expected="--policy with --kind episodes", got="--kind snapshots", fix="nothing drives in a snapshot"
        )
    driver = make_policy(wanted.policy, embodiment, temperature=wanted.temperature)
    if wanted.labels == OWN and any(key.startswith(PRIVILEGED_PREFIX) for key in driver.observation_keys):
        raise SetupError(
            expected="a --policy that sees what a robot sees with --labels own",
            got=f"{wanted.policy}, which reads ground truth",
            fix="leave --labels out: the expert labels",
        )


def _name(wanted: Collection, seed: int) -> str:
    """A file's name without its ending: what differs in one of its parts is other data, not done already."""
    parts = [wanted.objects]
    # Not said where they are the default: the names are those of before there was a choice.
    parts += [wanted.stacking_task] if wanted.stacking_task != STACKING_TASK else []
    parts += [Path(wanted.embodiment).stem] if wanted.embodiment != Collection.embodiment else []
    parts += [] if wanted.text_s is None else [f"text{wanted.text_s:g}s"]
    driven = "own" if wanted.labels == OWN else "dagger"
    kind = "snapshots" if wanted.kind == "snapshots" else driven if wanted.policy else "expert"
    return "-".join([*parts, kind, f"{seed:06d}"])


def _done(wanted: Collection, seed: int) -> bool:
    from gato_ros.data.frames import SUFFIX

    name = _name(wanted, seed)
    marks = (wanted.out / f"{name}.mcap", wanted.out / ".failed" / name, wanted.out / f"{name}{SUFFIX}")
    return any(path.exists() for path in marks)


_SETUP: dict = {}


def _parts(wanted: Collection) -> tuple:
    """Environment, expert (None where nobody labels) and driver of this worker process, made once."""
    if not _SETUP:
        from gato_ros.embodiments import load_embodiment
        from gato_ros.sim.env import PRIVILEGED_KEYS, RgbStackingEnv
        from gato_ros.sim.expert import expert_for
        from gato_ros.sim.randomisation import TRAINING
        from gato_ros.sim.task import task_named

        own = wanted.labels == OWN
        env = RgbStackingEnv(
            wanted.objects,
            privileged=() if own else PRIVILEGED_KEYS,
            embodiment=load_embodiment(wanted.embodiment),
            randomisation=TRAINING if wanted.randomise else None,
            wanted=task_named(wanted.stacking_task),
            text_s=wanted.text_s,
        )
        expert = driver = None if own else expert_for(env.embodiment, env.wanted)
        if wanted.policy:
            from gato_ros.evaluation.policy_source import make_policy

            driver = make_policy(wanted.policy, env.embodiment, temperature=wanted.temperature)
        _SETUP.update(env=env, expert=expert, driver=driver)
    return _SETUP["env"], _SETUP["expert"], _SETUP["driver"]


@writes_into_folder
def _work(out: Path, wanted: Collection, seed: int, count: int) -> dict:
    env, expert, driver = _parts(wanted)
    return (
        _episode(out, wanted, seed, env, expert, driver)
        if wanted.kind == "episodes"
        else _scenes(out, wanted, seed, count, env, expert)
    )


def _episode(out: Path, wanted: Collection, seed: int, env, expert, driver) -> dict:
    from gato_ros.core.guard.arbiter import POLICY
    from gato_ros.data.episodes.command_source import LABELS
    from gato_ros.data.episodes.episode import EpisodeWriter

    own = wanted.labels == OWN
    name = _name(wanted, seed)
    metadata = {
        "seed": seed,
        "object_set": wanted.objects,
        "task": wanted.stacking_task,
        "driver": wanted.policy or "expert",
        "image_share": wanted.image_share,
        "randomise": wanted.randomise,
        **({} if wanted.text_s is None else {"text_s": wanted.text_s}),
        "expert_share": wanted.expert_share if wanted.policy and not own else None,
        **({LABELS: OWN, "temperature": wanted.temperature} if own else {}),
    }
    with EpisodeWriter(out, name, env.embodiment, metadata) as writer:
        frames = tick = 0
        for tick, step in enumerate(_steps(wanted, seed, env, expert, driver)):
            frames += any(key in step.observation.values for key in env.embodiment.image_keys)
            who = {"source": POLICY} if own else None  # else the expert, who labels
            writer.add(tick, step.observation, step.label, step.executed, step.observation.privileged, who)
        succeeded = env.succeeded
        if succeeded or wanted.keep_failures:
            writer.close({"success": succeeded, "steps": tick + 1, "objects": list(env.world.object_names)})
            return {"attempted": 1, "kept": 1, "frames": frames}
    mark = out / ".failed" / name  # so that a resumed run does not try it again
    mark.parent.mkdir(exist_ok=True)
    mark.touch()
    return {"attempted": 1, "kept": 0, "frames": 0}


def _steps(wanted: Collection, seed: int, env, expert, driver) -> Iterator[Step]:
    from gato_ros.evaluation.foreign.policies import seed_draws
    from gato_ros.sim.demonstration import Noise, demonstrate, driven

    if wanted.temperature is not None:
        seed_draws(driver, seed)
    if wanted.labels == OWN:
        return driven(env, driver, seed, wanted.image_share)
    expert_share = wanted.expert_share if wanted.policy else 0.0
    return demonstrate(env, driver, expert, seed, Noise(), wanted.image_share, expert_share)


def _scenes(out: Path, wanted: Collection, first: int, count: int, env, expert) -> dict:
    from gato_ros.data.frames import SUFFIX, make_frames, save_frames
    from gato_ros.sim.snapshot import snapshots

    rows = (
        (step.observation, step.label)
        for seed in range(first, first + count)
        for step in snapshots(env, expert, seed, wanted.per_scene)
    )
    frames = make_frames(env.embodiment.image_keys, rows)
    save_frames(out / f"{_name(wanted, first)}{SUFFIX}", frames)
    return {"attempted": count, "kept": count, "frames": len(frames)}
