"""Demonstrations in a domain, in shards. Resumable: a shard that exists is not made again."""

from __future__ import annotations

from concurrent.futures import as_completed
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from gato_ros.core.errors import SetupError
from gato_ros.core.spec import ImageSpec
from gato_ros.data.demonstrations.demonstration import Demonstration
from gato_ros.data.demonstrations.reading import write_index
from gato_ros.data.demonstrations.shard import SUFFIX, Head, write_shard
from gato_ros.domains.domain import Domain, Environment
from gato_ros.domains.registry import WRITTEN, collected_tasks, load_domain
from gato_ros.evaluation.cluster.item import writes_into_folder
from gato_ros.evaluation.foreign.demonstrate import Disturbance, Drive
from gato_ros.evaluation.foreign.policies import EXPERT, make_policy
from gato_ros.evaluation.progress import counted
from gato_ros.evaluation.provenance import versions
from gato_ros.evaluation.worker_pool import worker_pool
from gato_ros.version import __version__

EPISODES_PER_SHARD, WITH_PICTURES = 500, 10
"""A shard is 128 KiB at least, an interrupted one is made again, and its episodes are in memory until it is written."""
FIRST_EVALUATION_SEED = 900_000


@dataclass(frozen=True)
class Demonstrations:
    """What is wanted; the fields are those of `evaluation.collection.Collection`."""

    out: Path
    domain: str
    task: str | None
    episodes: int
    """Of each task."""
    seed: int
    workers: int
    ray: str | None
    noise: float
    policy: str | None
    expert_share: float
    keep_failures: bool
    shard_episodes: int
    """0: as many as suit what is observed."""


@dataclass(frozen=True)
class Job:
    """One shard: everything that decides what is in it."""

    domain: str
    task: str
    first: int
    """Seed of the first episode."""
    count: int
    """Episodes to attempt."""
    noise: float
    keep_failures: bool
    policy: str | None
    """Weights that drive; None: the expert."""
    expert_share: float
    digest: str
    """Of these weights."""

    @property
    def file_name(self) -> str:
        """What differs in one of its parts is other data, not done already."""
        driver = f"dagger_{self.digest[:8]}" if self.policy else EXPERT
        noise = f"-noise_{self.noise:g}" if self.noise else ""
        failures = "-with_failures" if self.keep_failures else ""
        return f"{self.domain}-{self.task}-{driver}{noise}{failures}-{self.first:06d}-{self.count:03d}{SUFFIX}"


def collect(wanted: Demonstrations) -> dict:
    """Play `episodes` of each task from `seed` on; counts of episodes and steps.

    Episodes without success are left out unless failures are wanted, too.

    Raises:
        SetupError: no such domain, task or policy, a missing package, or seeds that are for evaluation.
    """
    jobs = _jobs(wanted)
    left = [job for job in jobs if not (wanted.out / job.file_name).exists()]
    counts = {"attempted": 0, "kept": 0, "frames": 0, "without_plan": 0}
    pool_of = worker_pool(wanted.workers, wanted.ray, [wanted.policy])
    with pool_of as pool, counted("collect", len(left)) as advance:
        wanted.out.mkdir(parents=True, exist_ok=True)
        for future in as_completed([pool.submit(_play, wanted.out, job) for job in left]):
            for key, value in future.result().items():
                counts[key] += value
            advance(f"kept {counts['kept']} of {counts['attempted']}, {counts['frames']} frames")
    write_index(wanted.out)
    skipped = sum(job.count for job in jobs) - sum(job.count for job in left)
    print(f"{counts['kept']} of {counts['attempted']} kept, {counts['frames']} frames, {skipped} were there already")
    return {**counts, "skipped": skipped, "out": str(wanted.out)}


def _jobs(wanted: Demonstrations) -> list[Job]:
    """The shards that make up what is wanted, checked: what is missing is said before a process is started."""
    domain = load_domain(wanted.domain)
    tasks = collected_tasks(domain, wanted.task)
    if domain.name in WRITTEN and (wanted.noise or wanted.policy):
        raise SetupError(
            expected=f"neither --noise nor --policy for {domain.name}",
            got=f"--noise {wanted.noise:g}" if wanted.noise else f"--policy {wanted.policy}",
            fix="leave it out: an answer changes no scene",
        )
    if wanted.seed + wanted.episodes > FIRST_EVALUATION_SEED:
        raise SetupError(
            expected=f"seeds from 0 up to {FIRST_EVALUATION_SEED}",
            got=f"{wanted.seed} to {wanted.seed + wanted.episodes}",
            fix="higher seeds are for evaluation",
        )
    domain.environment(tasks[0]).close()
    digest = ""
    if wanted.policy is not None:
        for task in {domain.contract(task).digest: task for task in tasks}.values():
            digest = make_policy(domain, task, wanted.policy).info.digest or wanted.policy
    each = {task: wanted.shard_episodes or _per_shard(domain, task) for task in tasks}
    return [
        Job(
            domain.name,
            task,
            first,
            min(each[task], wanted.seed + wanted.episodes - first),
            wanted.noise,
            wanted.keep_failures,
            wanted.policy,
            wanted.expert_share if wanted.policy else 0.0,
            digest,
        )
        for task in tasks
        for first in range(wanted.seed, wanted.seed + wanted.episodes, each[task])
    ]


def _per_shard(domain: Domain, task: str) -> int:
    images = any(isinstance(one, ImageSpec) for one in domain.contract(task).spec.observations.values())
    return WITH_PICTURES if images else EPISODES_PER_SHARD


@lru_cache(maxsize=1)
def _world(name: str, task: str, noise: float, policy: str | None, expert_share: float) -> tuple[Environment, Drive]:
    domain = load_domain(name)
    environment = domain.environment(task)
    driver = None if policy is None else make_policy(domain, task, policy)
    disturbance = Disturbance(domain.contract(task).spec.actions, noise)
    return environment, Drive(domain.expert(task, environment), driver, expert_share, disturbance)


@writes_into_folder
def _play(out: Path, job: Job) -> dict:
    environment, drive = _world(job.domain, job.task, job.noise, job.policy, job.expert_share)
    kept: list[Demonstration] = []
    without_plan = 0
    for seed in range(job.first, job.first + job.count):
        played, planned = drive.demonstrate(environment, seed)
        without_plan += not planned
        if played is not None and (played.success or job.keep_failures):
            kept.append(played)
    write_shard(out / job.file_name, _head(job, without_plan), kept)
    return {
        "attempted": job.count,
        "kept": len(kept),
        "frames": sum(map(len, kept)),
        "without_plan": without_plan,
    }


def _head(job: Job, without_plan: int) -> Head:
    domain = load_domain(job.domain)
    about = {
        "first_seed": job.first,
        "attempted": job.count,
        "without_plan": without_plan,
        "failures_kept": job.keep_failures,
        "noise": job.noise,
        "expert_share": job.expert_share,
        "versions": {"gato_ros": __version__, **versions(domain.packages)},
    }
    driver = job.digest or EXPERT
    return Head(job.domain, job.task, domain.contract(job.task).spec, domain.metric, driver, EXPERT, about)
