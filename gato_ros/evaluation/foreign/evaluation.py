"""A policy's scores in domains, on the scale between random play and the expert, all three from the same starts."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from gato_ros.core.errors import SetupError
from gato_ros.core.files import write_json
from gato_ros.domains.baselines.baseline import load_baseline
from gato_ros.domains.domain import Domain, KnownOfPeople, Scores
from gato_ros.domains.registry import ALL, TEXT, domains_of, load_domain, tasks_of
from gato_ros.evaluation.foreign.plays import Player, Run, outcome, partial_episodes
from gato_ros.evaluation.foreign.policies import EXPERT, RANDOM, make_policy, weights_sha256
from gato_ros.evaluation.foreign.table import print_table
from gato_ros.evaluation.foreign.task_result import TaskResult, result_of, result_of_row, scaled, summary
from gato_ros.evaluation.foreign.text import Foreseeing, text_block, text_tasks
from gato_ros.evaluation.provenance import versions
from gato_ros.evaluation.worker_pool import worker_pool
from gato_ros.version import __version__

if TYPE_CHECKING:
    from gato_ros.evaluation.settings import Evaluation

Task = tuple[str, str]
"""Domain and task."""


@dataclass(frozen=True)
class _Wanted:
    """What options mean, checked."""

    domains: tuple[Domain, ...]
    left_out: dict[str, str]
    """Of all domains those that cannot be played here, and why."""
    tasks: tuple[Task, ...]
    policy: str
    seeds: range
    temperature: float | None
    texts: tuple[str, ...]
    """Sources of text: they have no episodes."""


class _Found(NamedTuple):
    """Results by task."""

    policy: dict[Task, TaskResult]
    random: dict[Task, TaskResult]
    expert: dict[Task, TaskResult]


def evaluate(options: Evaluation) -> dict[str, Any]:
    """Scores of a policy, of random play and of the expert, ready for JSON.

    Random play and the expert are those of the shipped baselines where these have the same seeds and versions;
    otherwise they play as well.

    Raises:
        SetupError: no such domain, task or policy; a missing package.
    """
    wanted = _wanted(options)
    sha256 = None if options.policy in (EXPERT, RANDOM) else weights_sha256(options.policy)
    partial = partial_episodes(options.json, _identity(wanted, sha256))
    found = _Found({}, {}, {})
    with worker_pool(options.workers, options.ray, [options.policy]) as pool:
        if wanted.tasks:
            found = _found(Player(pool, partial, options.quiet), wanted)
        result = _result(options, wanted, found, sha256)
        if options.json:  # before the films: they can fail, and the episodes are worth more
            write_json(options.json, result)
        partial.delete()
        if options.report:
            _write_page(options, wanted, found, result, pool)
    if not options.quiet:
        print_table(result)
    return result


def _write_page(options: Evaluation, wanted: _Wanted, found: _Found, result: dict[str, Any], pool: Executor) -> None:
    from gato_ros.evaluation.foreign.film import Film, film, films_to_make
    from gato_ros.evaluation.progress import counted
    from gato_ros.evaluation.reports.domains_page import write_domains_page

    assert options.report is not None
    chosen = films_to_make(found.policy, options.report_videos)
    jobs = []
    for name, task, seed in chosen:
        one = found.policy[name, task]
        place = one.seeds.index(seed)
        jobs.append(
            (Run(name, task, wanted.policy, wanted.temperature), seed, (one.successes[place], one.steps[place]))
        )
    made = []
    with counted("film", len(jobs), quiet=options.quiet) as advance:
        for future in [pool.submit(film, *job) for job in jobs]:
            made.append(future.result())
            advance("")
    films, refusals = ([one for one in made if isinstance(one, kind)] for kind in (Film, str))
    why = "" if films else "No film was requested."
    write_domains_page(options.report, result, films, "; ".join(dict.fromkeys(refusals)) or why)


def score(name: str, task: str, policy: str, episodes: int, seed: int) -> dict[str, Any]:
    """The score of one policy in this process, while a training goes on."""
    domain, seeds = load_domain(name), range(seed, seed + episodes)
    environment = domain.environment(task)
    try:
        actor = make_policy(domain, task, policy, environment)
        return result_of(domain.metric, seeds, {one: outcome(environment, actor, one) for one in seeds}).row()
    finally:
        environment.close()


def _wanted(options: Evaluation) -> _Wanted:
    if options.task is not None and options.tasks is not None:
        raise SetupError(expected="--task or --tasks", got="both", fix="leave one of them out")
    weights = None if options.policy in (EXPERT, RANDOM) else options.policy
    if weights is None and options.temperature is not None:
        raise SetupError(expected="weights with --temperature", got=options.policy, fix="leave it out")
    names = options.tasks or options.task or (ALL if options.domain == ALL else None)
    domains, tasks, left_out = [], [], {}
    for domain in domains_of(options.domain):
        if domain.name == TEXT:
            continue
        its = tasks_of(domain, names)
        try:
            _check_playable(domain, its, weights, options.temperature)
        except SetupError as error:
            if options.domain != ALL:
                raise
            left_out[domain.name] = str(error)
            continue
        domains.append(domain)
        tasks += [(domain.name, task) for task in its]
    texts = _texts(options, weights, left_out)
    if not (domains or texts):
        raise SetupError(
            expected=f"a domain that {options.policy} can play here",
            got="; ".join(f"{name}: {why}" for name, why in left_out.items()),
            fix="install the domains (docs/how-to/domains.md), or name one with --domain",
        )
    for name, why in left_out.items():
        print(f"evaluate: {name} is left out: {why}", file=sys.stderr)
    seeds = range(options.seed, options.seed + options.episodes)
    return _Wanted(tuple(domains), left_out, tuple(tasks), options.policy, seeds, options.temperature, texts)


def _texts(options: Evaluation, weights: str | None, left_out: dict[str, str]) -> tuple[str, ...]:
    """The sources of text that are asked for, and that can be measured here."""
    try:
        if options.domain == TEXT and options.temperature is not None:
            got = f"{options.temperature:g}"
            raise SetupError(expected="no --temperature for text", got=got, fix="leave it out: nothing is drawn")
        texts = text_tasks(options)
        if texts and weights:
            Foreseeing(weights)
    except SetupError as error:
        if options.domain != ALL:
            raise
        left_out[TEXT] = str(error)
        return ()
    return texts


def _check_playable(domain: Domain, tasks: Sequence[str], weights: str | None, temperature: float | None) -> None:
    """What is wrong is said before a process is started."""
    domain.environment(tasks[0]).close()
    if weights:
        for task in {domain.contract(task).digest: task for task in tasks}.values():
            make_policy(domain, task, weights, temperature=temperature)


def _identity(wanted: _Wanted, sha256: str | None) -> dict[str, Any]:
    """What has to be the same for an interrupted evaluation to go on; more episodes or tasks are no other one."""
    return {
        "policy": sha256 or wanted.policy,
        "temperature": wanted.temperature,
        "versions": {domain.name: _packages(domain) for domain in wanted.domains},
        "package_version": __version__,
    }


def _found(player: Player, wanted: _Wanted) -> _Found:
    """The expert comes first: it says which starts count."""
    experts = {} if wanted.policy == EXPERT else _known(wanted, EXPERT)
    experts |= _played(player, wanted, EXPERT, [task for task in wanted.tasks if task not in experts], {})
    dropped = {task: one.dropped for task, one in experts.items()}
    luck = {} if wanted.policy == RANDOM else _known(wanted, RANDOM)
    luck = {task: one.only(wanted.seeds, dropped[task]) for task, one in luck.items()}
    luck |= _played(player, wanted, RANDOM, [task for task in wanted.tasks if task not in luck], dropped)
    if wanted.policy in (EXPERT, RANDOM):
        return _Found(experts if wanted.policy == EXPERT else luck, luck, experts)
    return _Found(_played(player, wanted, wanted.policy, list(wanted.tasks), dropped), luck, experts)


def _known(wanted: _Wanted, who: str) -> dict[Task, TaskResult]:
    """What the shipped baselines know of these episodes."""
    found: dict[Task, TaskResult] = {}
    for domain in wanted.domains:
        baseline = load_baseline(domain.name, who)
        if baseline is None:
            continue
        for name, task in wanted.tasks:
            if name == domain.name and baseline.covers(task, wanted.seeds, _packages(domain)):
                whole = result_of_row(domain.metric, baseline.seed, baseline.tasks[task])
                found[name, task] = whole.only(wanted.seeds)
    return found


def _played(
    player: Player, wanted: _Wanted, who: str, tasks: list[Task], dropped: dict[Task, tuple[int, ...]]
) -> dict[Task, TaskResult]:
    runs = {Run(*task, who, wanted.temperature if who == wanted.policy else None): task for task in tasks}
    left = {run: [seed for seed in wanted.seeds if seed not in dropped.get(task, ())] for run, task in runs.items()}
    if not runs:
        return {}
    found = player.play(left)
    return {
        task: result_of(
            load_domain(run.domain).metric, wanted.seeds, {**dict.fromkeys(dropped.get(task, ())), **found[run]}
        )
        for run, task in runs.items()
    }


def _packages(domain: Domain) -> dict[str, str | None]:
    found = versions(domain.packages)
    return {name: found[name] for name in domain.packages}


def _result(options: Evaluation, wanted: _Wanted, found: _Found, sha256: str | None) -> dict[str, Any]:
    rows: dict[str, dict[str, Any]] = {domain.name: {} for domain in wanted.domains}
    for name, task in wanted.tasks:
        this, luck, expert = (one[name, task] for one in found)
        scale = Scores(luck.score, expert.score, len(expert.scores))
        rows[name][task] = {**this.row(), **scaled(this, scale), **_of_human(load_domain(name), task, this.score)}
    metrics = {domain.name: domain.metric for domain in wanted.domains}
    blocks = {name: {"tasks": tasks, "metric": metrics[name], **_means(tasks)} for name, tasks in rows.items()}
    if wanted.texts:
        blocks[TEXT] = text_block(options, wanted.texts)
    result = {
        "policy": options.policy,
        "weights_sha256": sha256,
        "seed": options.seed,
        "temperature": options.temperature,
        "package_version": __version__,
        "versions": {
            **{domain.name: _packages(domain) for domain in wanted.domains},
            **({TEXT: versions(())} if wanted.texts else {}),
        },
        "domains": blocks,
        **({"left_out": wanted.left_out} if wanted.left_out else {}),
    }
    if len(blocks) == 1:
        result["mean_percent_of_expert"] = next(iter(blocks.values()))["mean_percent_of_expert"]
    if options.tasks is None and len(wanted.tasks) == 1:
        return {**result, **_of_one_task(options, wanted, found)}
    return result


def _of_human(domain: Domain, task: str, score: float) -> dict[str, float]:
    return {"percent_of_human": domain.percent_of_human(task, score)} if isinstance(domain, KnownOfPeople) else {}


def _means(rows: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Of a domain's tasks: of answers the mean score is the accuracy."""
    return {"mean_score": sum(row["score"] for row in rows.values()) / len(rows), **summary(rows)}


def _of_one_task(options: Evaluation, wanted: _Wanted, found: _Found) -> dict[str, Any]:
    """What `--task` has always said, beside all the rest."""
    name, task = wanted.tasks[0]
    this, luck, expert = (one[name, task] for one in found)
    columns = ("episodes", "score", "rate", "wilson95", "mean_steps")
    short = lambda one: {key: value for key, value in one.row().items() if key in columns}
    return {
        "domain": name,
        "task": task,
        "metric": wanted.domains[0].metric,
        **short(this),
        "random": short(luck),
        "expert": short(expert),
        "share_of_expert": Scores(luck.score, expert.score, len(expert.scores)).share(this.score),
        "outcomes": [
            {"seed": one.seed, "success": one.success, "steps": one.steps, "reward": one.reward, "failure": one.failure}
            for one in this.played
        ],
    }
