"""One episode of an evaluation in a worker process, which keeps its policy and its environment for the next."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gato_ros.core.policy import Policy
    from gato_ros.core.prompt import Prompt
    from gato_ros.evaluation.outcomes import EpisodeOutcome
    from gato_ros.sim.env import RgbStackingEnv

PLAIN = "plain"
PROMPTS = {"start": "demonstration prompt", "end": "goal prompt"}
"""Which part of an episode is the prompt -> what the condition is called."""


def condition(perturbation: str | None, level: str, world: str = PLAIN) -> str:
    """What a world is called in tables and files: "plain", a held-out one's name, or a perturbation with its level."""
    return f"{perturbation} {level}" if perturbation else world


@dataclass(frozen=True)
class Job:
    """One episode to run."""

    policy: str
    object_set: str
    seed: int
    perturbation: str | None = None
    """One of sim.randomisation.PERTURBATIONS; None: the plain world."""
    level: str = "medium"
    """One of sim.randomisation.LEVELS."""
    task: str = "red_on_blue"
    """One of sim.task.TASKS."""
    embodiment: str = "sawyer_rgb_stacking"
    """Name or path of the contract."""
    prompt: str | None = None
    """The episode file that the policy follows, if any."""
    prompt_part: str | None = None
    """A key of PROMPTS, beside `prompt`."""
    world: str = PLAIN
    """"plain", or one of sim.held_out.worlds.WORLDS; that one with neither a perturbation nor a level."""
    text_s: float | None = None
    """So long [s] the task is told in words; None: throughout."""

    @property
    def condition(self) -> str:
        """The world's name, or the prompt's kind."""
        return PROMPTS[self.prompt_part] if self.prompt_part else condition(self.perturbation, self.level, self.world)


@dataclass(frozen=True)
class Clip:
    """What both cameras showed of one episode."""

    job: Job
    outcome: EpisodeOutcome
    frames: tuple[bytes, ...]
    """PNG per tick, from the reset to the end: the cameras side by side, as the policy's pictures are."""
    rate_hz: float
    """Ticks per second."""


_MADE: dict = {}


def parts(job: Job) -> tuple[RgbStackingEnv, Policy]:
    """The environment and the policy of a job, made anew only where the one before had another."""
    from gato_ros.embodiments import load_embodiment
    from gato_ros.evaluation.policy_source import make_environment, make_policy
    from gato_ros.sim.held_out.worlds import held_out_world
    from gato_ros.sim.randomisation import perturbation
    from gato_ros.sim.task import task_named

    task, embodiment = task_named(job.task), load_embodiment(job.embodiment)
    name = (job.policy, job.task, job.embodiment)
    if _MADE.get("name") != name:
        _MADE.update(name=name, policy=make_policy(job.policy, embodiment, task))
    world = (*name, job.object_set, job.perturbation, job.level, job.world, job.text_s)
    if _MADE.get("world") != world:
        if "environment" in _MADE:
            _MADE.pop("environment").close()
        randomisation = perturbation(job.perturbation, job.level) if job.perturbation else None
        environment = make_environment(
            job.object_set,
            _MADE["policy"],
            embodiment,
            randomisation,
            randomise_fully=randomisation is not None,
            task=task,
            held_out=held_out_world(job.world),
            text_s=job.text_s,
        )
        _MADE.update(world=world, environment=environment)
    return _MADE["environment"], _MADE["policy"]


def _prompt(job: Job, policy: Policy) -> Prompt | None:
    """The same object as long as the file and the policy are the same: then the policy has it ready."""
    if job.prompt is None:
        return None
    wanted = (job.policy, job.task, job.prompt, job.prompt_part, job.text_s)
    if _MADE.get("prompt_name") != wanted:
        from gato_ros.data.episodes.prompt import read_prompt
        from gato_ros.embodiments import load_embodiment

        prompt = read_prompt(
            Path(job.prompt),
            load_embodiment(job.embodiment),
            policy.observation_keys,
            policy.info.prompt_steps,
            job.prompt_part,
            job.text_s,
        )
        _MADE.update(prompt_name=wanted, prompt=prompt)
    return _MADE["prompt"]


def run_job(job: Job) -> EpisodeOutcome:
    """The episode's outcome."""
    from gato_ros.evaluation.outcomes import run_episode

    environment, policy = parts(job)
    return run_episode(environment, policy, job.seed, prompt=_prompt(job, policy))


def film_job(job: Job) -> Clip:
    """The same episode once more, with pictures."""
    import cv2

    from gato_ros.data.exports.video import side_by_side
    from gato_ros.evaluation.outcomes import run_episode

    environment, policy = parts(job)
    frames: list[bytes] = []

    def film() -> None:
        pictures = [environment.world.render(key) for key in environment.embodiment.image_keys]
        # Red and blue are swapped in the file, and swapped back when it is read in the same way.
        frames.append(cv2.imencode(".png", side_by_side(pictures), [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes())

    outcome = run_episode(environment, policy, job.seed, film, _prompt(job, policy))
    return Clip(job, outcome, tuple(frames), environment.embodiment.control_rate_hz)
