"""Episodes of a policy side by side, and the rates, pairs, films and page that come of them."""

from __future__ import annotations

from concurrent.futures import Executor, as_completed
from typing import TYPE_CHECKING

from gato_ros.core.bounds import check_bounds
from gato_ros.core.errors import SetupError
from gato_ros.domains.registry import STACKING
from gato_ros.evaluation.progress import counted
from gato_ros.evaluation.settings import FOREIGN_OPTIONS, Evaluation
from gato_ros.evaluation.worker_pool import worker_pool

if TYPE_CHECKING:
    from gato_ros.evaluation.plan import Plan


def evaluate_policy(options: Evaluation) -> dict:
    """Evaluate with a progress bar; the rates by set."""
    if options.domain != STACKING or options.tasks is not None:
        return _foreign(options)
    if options.offline:
        from gato_ros.evaluation.offline import evaluate_offline

        return evaluate_offline(options, options.offline)
    if options.result:
        return _compare_files(options)
    from gato_ros.evaluation.plan import check, of_a_robot
    from gato_ros.evaluation.policy_source import choose_compilation_cache

    choose_compilation_cache(options.compilation_cache)
    options = of_a_robot(options)
    plan = check(options)
    reads = (options.policy, options.embodiment, *plan.prompts)
    with worker_pool(options.workers, options.ray, reads) as pool:
        outcomes = _episodes(options, plan, pool)
        result = _result(options, plan, outcomes)
        if options.json:  # before the film: that can fail, and the episodes are worth more
            from gato_ros.core.files import write_json

            write_json(options.json, result)
        plan.partial.delete()
        if options.video:
            from gato_ros.evaluation.reports.failure_video import film_failures

            result["video"] = film_failures(outcomes, options.video, options.video_episodes, pool)
        if options.report:
            _report(options, plan, outcomes, result, pool)
    if not options.quiet:
        from gato_ros.evaluation.reports.table import print_result

        print_result(result)
    return result


def _foreign(options: Evaluation) -> dict:
    from gato_ros.evaluation.foreign.evaluation import evaluate
    from gato_ros.evaluation.foreign.options import only

    only(options, FOREIGN_OPTIONS)
    check_bounds(options)
    return evaluate(options)


def _episodes(options: Evaluation, plan: Plan, pool: Executor) -> dict:
    """Outcome of every job, those that an interrupted run left included, in the order of the jobs."""
    from gato_ros.evaluation.episode import Job, run_job

    jobs = [
        Job(
            options.policy,
            name,
            seed,
            perturbation,
            options.level,
            options.stacking_task,
            options.embodiment,
            str(plan.prompts[seed % len(plan.prompts)]) if part else None,
            part,
            options.world,
            options.text_s,
        )
        for perturbation in plan.perturbations
        for part in plan.prompt_parts
        for name in plan.sets
        for seed in range(options.seed, options.seed + options.episodes)
    ]
    outcomes = {job: plan.partial.get(job) for job in jobs}
    done = [outcome for outcome in outcomes.values() if outcome]
    succeeded, count = sum(outcome.success for outcome in done), len(done)
    if done and not options.quiet:
        print(f"{count} of {len(jobs)} episodes were done before: {plan.partial.path}")
    with (
        plan.partial.kept_when_interrupted(len(jobs)),
        counted("evaluate", len(jobs), count, options.quiet) as advance,
    ):
        futures = {pool.submit(run_job, job): job for job in jobs if outcomes[job] is None}
        for future in as_completed(futures):
            outcome = outcomes[futures[future]] = future.result()
            plan.partial.add(futures[future], outcome)
            succeeded, count = succeeded + outcome.success, count + 1
            advance(f"{succeeded} of {count} {outcome.stages[-1]}")
    return outcomes


def _by_condition(outcomes: dict) -> dict[str, dict[str, list]]:
    """Condition -> object set -> episodes, in the order of the jobs."""
    sorted_out: dict[str, dict[str, list]] = {}
    for job, outcome in outcomes.items():
        sorted_out.setdefault(job.condition, {}).setdefault(job.object_set, []).append(outcome)
    return sorted_out


def _result(options: Evaluation, plan: Plan, outcomes: dict) -> dict:
    from gato_ros.embodiments import load_embodiment
    from gato_ros.evaluation.comparison import compare, compare_with
    from gato_ros.evaluation.episode import PROMPTS, condition
    from gato_ros.version import __version__

    by_condition = _by_condition(outcomes)
    first = condition(plan.perturbations[0], options.level, options.world)
    embodiment = load_embodiment(options.embodiment)
    result = {
        "policy": options.policy,
        "weights_sha256": plan.weights_sha256,
        "seed": options.seed,
        "task": options.stacking_task,
        "world": options.world,
        "text_s": options.text_s,
        "perturbation": {"name": options.perturb, "level": options.level} if plan.perturbations[0] else None,
        **_rates(by_condition[first]),
        "embodiment": embodiment.name,
        "contract_digest": embodiment.digest,
        "package_version": __version__,
    }
    if len(plan.perturbations) > 1:
        disturbed = {name: by_condition[condition(name, options.level)] for name in plan.perturbations if name}
        result["perturbations"] = {
            name: {"level": options.level, **_rates(rows), "against_plain": compare(rows, by_condition[first])}
            for name, rows in disturbed.items()
        }
    if plan.prompts:
        result["prompts"] = {
            part: {**_rates(by_condition[name]), "against_plain": compare(by_condition[name], by_condition[first])}
            for part, name in PROMPTS.items()
        }
        result["prompt_files"], result["prompt_steps"] = [path.name for path in plan.prompts], plan.prompt_steps
    if plan.other:
        result["against"] = compare_with(by_condition, result, plan.other)
    return result


def _report(options: Evaluation, plan: Plan, outcomes: dict, result: dict, pool: Executor) -> None:
    from gato_ros.evaluation.comparison import ABOUT, EvaluationResult
    from gato_ros.evaluation.episode import PROMPTS, condition
    from gato_ros.evaluation.reports.report import NONE_WANTED, film_episodes, write_report

    about = {key: result[key] for key in ABOUT}
    this = EvaluationResult(options.report, options.policy, about, _by_condition(outcomes))
    blocks = {
        condition(name, options.level): block["against_plain"]["all"]
        for name, block in result.get("perturbations", {}).items()
    }
    blocks |= {PROMPTS[part]: block["against_plain"]["all"] for part, block in result.get("prompts", {}).items()}
    clips = film_episodes(outcomes, options.report_videos, pool)
    write_report(options.report, this, plan.other, result.get("against"), blocks, clips, NONE_WANTED)
    result["report"] = str(options.report)


def _rates(sets: dict[str, list]) -> dict:
    from gato_ros.evaluation.outcomes import summarise

    rows = {name: summarise(outcomes) for name, outcomes in sets.items()}
    return {"sets": rows, "mean_rate": sum(row["rate"] for row in rows.values()) / len(rows)}


def _compare_files(options: Evaluation) -> dict:
    """The comparison of two files, without an episode."""
    from gato_ros.evaluation.comparison import check_common, compare_with, read_result
    from gato_ros.evaluation.plan import check_report
    from gato_ros.evaluation.reports.report import write_report
    from gato_ros.evaluation.reports.table import print_comparison

    check_report(options.report)

    if options.against is None:
        raise SetupError(expected="--against with --result", got="--result alone", fix="say what to compare it with")
    this, that = read_result(options.result), read_result(options.against)
    seeds = [one.seed for sets in this.conditions.values() for rows in sets.values() for one in rows]
    check_common(next(iter(this.conditions.values())), range(min(seeds), max(seeds) + 1), this.conditions, that)
    against = compare_with(this.conditions, this.about, that)
    if not options.quiet:
        print_comparison(against)
    if options.report:
        write_report(options.report, this, that, against)
    return {"policy": this.policy, "result": str(options.result), **this.about, "against": against}
