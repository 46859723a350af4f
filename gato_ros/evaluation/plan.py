"""What the options of an evaluation mean, checked before anything is started."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from gato_ros.core.bounds import check_bounds, check_seeds
from gato_ros.core.errors import SetupError, unknown_name
from gato_ros.evaluation.comparison import EvaluationResult, check_common, read_result
from gato_ros.evaluation.episode import PLAIN, PROMPTS, condition
from gato_ros.evaluation.partial_result import PartialResult

if TYPE_CHECKING:
    from gato_ros.core.policy import Policy
    from gato_ros.embodiments import Embodiment
    from gato_ros.evaluation.settings import Evaluation

ALL = "all"
TRIPLETS = "triplets"


@dataclass(frozen=True)
class Plan:
    """What options mean, checked."""

    sets: tuple[str, ...]
    perturbations: tuple[str | None, ...]
    """None is the plain world."""
    weights_sha256: str | None
    """Of params.safetensors; None for a policy without weights."""
    partial: PartialResult
    """The episodes that are done."""
    other: EvaluationResult | None = None
    """What to compare with."""
    prompts: tuple[Path, ...] = ()
    """Episode files that prompts are taken from, in turn."""
    prompt_steps: int = 0
    """Control steps of a prompt, if its episode has so many."""

    @property
    def prompt_parts(self) -> tuple[str | None, ...]:
        """None is without a prompt."""
        return (None, *PROMPTS) if self.prompts else (None,)


def check(options: Evaluation) -> Plan:
    """The episodes to run; SetupError for anything that cannot work, before anything is started."""
    from gato_ros.sim.engine import require_simulator
    from gato_ros.sim.held_out.worlds import held_out_world
    from gato_ros.sim.randomisation import PERTURBATIONS
    from gato_ros.sim.task import OBJECT_SETS, TEST_TRIPLETS, task_named

    require_simulator()
    options = of_a_robot(options)
    if options.tasks is not None or options.temperature is not None or options.texts:
        raise SetupError(
            expected="--tasks, --temperature and --texts with another --domain",
            got=f"--domain {options.domain}",
            fix="leave them out",
        )
    task_named(options.stacking_task)
    groups = {TRIPLETS: tuple(TEST_TRIPLETS), ALL: tuple(OBJECT_SETS)}
    if options.set not in (*groups, *OBJECT_SETS):
        raise unknown_name("an object set", options.set, (*OBJECT_SETS, *groups))
    sets = groups.get(options.set, (options.set,))
    if options.perturb not in (None, ALL, *PERTURBATIONS):
        raise unknown_name("a perturbation", options.perturb, (*PERTURBATIONS, ALL))
    perturbations = (None, *PERTURBATIONS) if options.perturb == ALL else (options.perturb,)
    world = held_out_world(options.world)
    _check_numbers_and_places(options)
    if world:
        world.check()
    other = _other(options, sets, perturbations)
    return _with_policy(options, sets, perturbations, other)


def _check_numbers_and_places(options: Evaluation) -> None:
    if options.perturb is None and options.level != "medium":
        raise SetupError(
            expected="--perturb with --level",
            got=f"--level {options.level} alone",
            fix="say what to disturb, or --perturb all",
        )
    if options.perturb and options.world != PLAIN:
        raise SetupError(
            expected="--world or --perturb", got="both", fix="a perturbation is of the plain world: leave one out"
        )
    check_bounds(options)
    if options.prompt and options.perturb:
        raise SetupError(expected="--prompt or --perturb", got="both", fix="measure one after the other")
    check_seeds(options.seed, options.episodes)
    if options.json and (options.json.is_dir() or any(path.is_file() for path in options.json.parents)):
        raise SetupError(
            expected="a file that can be written for --json", got=str(options.json), fix="choose another place"
        )
    check_report(options.report)
    if options.video and any(path.is_file() for path in (options.video, *options.video.parents)):
        raise SetupError(
            expected="a folder that can be made for --video", got=str(options.video), fix="choose another place"
        )


def of_a_robot(options: Evaluation) -> Evaluation:
    """With the robot that the weights know, where none is named; SetupError for no such policy."""
    from gato_ros.evaluation.policy_source import robot_for

    return replace(options, embodiment=robot_for(options.policy, options.embodiment))


def check_report(path: Path | None) -> None:
    """SetupError where no page can be written."""
    if path and (path.is_dir() or any(parent.is_file() for parent in path.parents)):
        raise SetupError(expected="a file that can be written for --report", got=str(path), fix="choose another place")


def _other(
    options: Evaluation, sets: tuple[str, ...], perturbations: tuple[str | None, ...]
) -> EvaluationResult | None:
    """The result to compare with; SetupError if nothing could be compared."""
    if options.against is None:
        return None
    other = read_result(options.against)
    check_common(
        sets,
        range(options.seed, options.seed + options.episodes),
        [condition(name, options.level, options.world) for name in perturbations],
        other,
    )
    return other


def _with_policy(
    options: Evaluation, sets: tuple[str, ...], perturbations: tuple[str | None, ...], other: EvaluationResult | None
) -> Plan:
    from gato_ros.embodiments import load_embodiment
    from gato_ros.evaluation.policy_source import WEIGHTS_FILE, make_policy, weights_folder
    from gato_ros.sim.held_out.worlds import held_out_world
    from gato_ros.sim.task import task_named
    from gato_ros.version import __version__

    embodiment = load_embodiment(options.embodiment)
    if world := held_out_world(options.world):
        world.check_robot(embodiment)
    policy = make_policy(options.policy, embodiment, task_named(options.stacking_task))
    if options.text_s is not None:
        check_reads_text(policy.observation_keys, embodiment, options.policy)
    prompts = _check_prompts(options, policy, embodiment) if options.prompt else ()
    files: dict[str, str] = {}
    if options.policy not in ("expert", "hold"):
        folder = weights_folder(options.policy)
        files = {
            name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in (WEIGHTS_FILE, "config.json")
        }
    identity = {
        "policy": files or options.policy,
        "sets": list(sets),
        "seed": options.seed,
        "task": options.stacking_task,
        "perturbations": list(perturbations),
        "level": options.level if options.perturb else None,
        "contract_digest": embodiment.digest,
        "package_version": __version__,
    }
    if options.world != PLAIN:  # what was left over before there was a choice goes on
        identity["world"] = options.world
    if options.text_s is not None:
        identity["text_s"] = options.text_s
    if prompts:
        identity["prompts"] = [hashlib.sha256(path.read_bytes()).hexdigest() for path in prompts]
    path = options.json.with_name(options.json.name + ".partial.jsonl") if options.json else None
    return Plan(
        sets,
        perturbations,
        files.get(WEIGHTS_FILE),
        PartialResult(path, identity),
        other,
        prompts,
        policy.info.prompt_steps,
    )


def check_reads_text(keys: Sequence[str], embodiment: Embodiment, who: str) -> None:
    """SetupError where none of these observation keys is a text: there is nothing to hide."""
    if not any(channel.kind == "text" for key, channel in embodiment.observations.items() if key in keys):
        raise SetupError(
            expected="with --text-s who reads the task in words",
            got=f"{who}, which reads no text",
            fix="leave --text-s out, or name weights trained with --observe task/text",
        )


def _check_prompts(options: Evaluation, policy: Policy, embodiment: Embodiment) -> tuple[Path, ...]:
    """The files to take prompts from; SetupError if the policy or one of them is not fit for it."""
    from gato_ros.data.episodes.prompt import prompt_files, read_prompt
    from gato_ros.data.episodes.summary import summarise
    from gato_ros.sim.task import TASKS

    if not policy.info.prompt_steps:
        raise SetupError(
            expected="weights that were trained with prompts",
            got=options.policy,
            fix="leave --prompt out, or train an autoregressive preset with a prompt share above 0",
        )
    files = tuple(prompt_files(options.prompt))[: options.episodes]
    for path in files:
        for part in PROMPTS:
            prompt = read_prompt(
                path, embodiment, policy.observation_keys, policy.info.prompt_steps, part, options.text_s
            )
            policy.check_prompt(prompt)
        shown = summarise(path).metadata.get("task")
        if shown in TASKS and shown != options.stacking_task:  # what a person wrote is no such name
            raise SetupError(
                expected=f"a demonstration of the task {options.stacking_task} as --prompt",
                got=f"one of {shown} in {path}",
                fix=f"name --task {shown}, or other demonstrations",
            )
    return files
