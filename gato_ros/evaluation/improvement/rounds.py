"""The rounds of an improvement, each kept or dropped by what it was measured at."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gato_ros.core.errors import SetupError
from gato_ros.domains.rgb_stacking.improve_recipe import START, RoundSizes, driving, learning, measuring
from gato_ros.domains.rgb_stacking.stage import RESULT_FILE, EvaluateStage
from gato_ros.evaluation.comparison import Outcomes, compare, read_result
from gato_ros.evaluation.episode import PLAIN
from gato_ros.evaluation.improvement.checks import checked, object_sets
from gato_ros.evaluation.improvement.settings import SEEDS_PER_ROUND, Improvement
from gato_ros.evaluation.policy_build.build import refuse_changes, run_all
from gato_ros.evaluation.policy_build.ledger import Ledger, alone
from gato_ros.evaluation.policy_source import CONFIG_FILE, WEIGHTS_FILE, weights_folder

ROW = ("episodes", "successes", "rate", "wilson95")


def improve(wanted: Improvement) -> dict[str, Any]:
    """Do the rounds that are left; what each came to, and the weights that are left in the end.

    Raises:
        SetupError: what cannot be done, another policy or other options than OUT was begun with.
    """
    folder, out = weights_folder(wanted.policy), wanted.out
    wanted = checked(wanted)
    sizes = _sizes(wanted)
    with alone(out):
        _take(folder, out / START)
        ledger, policy = Ledger(out), START
        rounds: list[dict[str, Any]] = []
        episodes: list[str] = []
        for number in range(1, wanted.rounds + 1):
            row, policy = _round(sizes, number, policy, episodes, ledger, out, wanted.workers)
            rounds.append(row)
        return _result(sizes, rounds, out / policy)


def _sizes(wanted: Improvement) -> RoundSizes:
    assert wanted.embodiment is not None
    return RoundSizes(
        wanted.embodiment,
        object_sets(wanted.set),
        wanted.episodes,
        wanted.temperature,
        wanted.seed,
        SEEDS_PER_ROUND,
        tuple(map(str, wanted.data)),
        wanted.demonstration_share,
        wanted.weighting,
        wanted.advantage_temperature,
        wanted.steps,
        wanted.batch,
        wanted.learning_rate,
        wanted.evaluation_episodes,
        wanted.evaluation_seed,
    )


def _take(folder: Path, start: Path) -> None:
    """Copy the weights, once: what happens to the folder afterwards changes nothing here."""
    from gato_ros.models.vocabulary import VOCABULARY_FILE

    if start.exists():
        if _digest(start) != _digest(folder):
            raise SetupError(
                expected=f"the policy that {start.parent} was begun with (sha256 {_digest(start)[:12]})",
                got=f"{folder} ({_digest(folder)[:12]})",
                fix="use another --out",
            )
        return
    partial = start.with_name(f".{start.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        for name in (WEIGHTS_FILE, CONFIG_FILE, VOCABULARY_FILE):
            if (folder / name).exists():  # a vocabulary may be missing
                shutil.copyfile(folder / name, partial / name)
        partial.rename(start)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _digest(folder: Path) -> str:
    return hashlib.sha256((folder / WEIGHTS_FILE).read_bytes()).hexdigest()


def _round(
    sizes: RoundSizes, number: int, policy: str, episodes: list[str], ledger: Ledger, out: Path, workers: int
) -> tuple[dict[str, Any], str]:
    """What round `number` from `policy` on came to, and the weights to go on from; its `episodes` are added."""
    before, drives = measuring(sizes, policy), driving(sizes, number, policy)
    episodes += [stage.folder for stage in drives]
    learns = learning(sizes, number, policy, episodes)
    learned = f"{learns.folder}/last"
    after = measuring(sizes, learned)
    stages = [*before.values(), *drives, learns]
    refuse_changes([*stages, *after.values()], ledger, again=False)
    print(f"round {number}, from {policy}", flush=True)
    run_all(tuple(stages), len(stages), ledger, out, workers)
    figures = ledger.entries[learns.name]["result"]
    row = {
        "round": number,
        "from": policy,
        "episodes": sizes.episodes * len(sizes.sets),
        "successes": _own_successes(drives, out),
        "before": _rows(before, ledger),
        "after": None,
        "paired": None,
        "kept": False,
        "learning": figures,
    }
    if not figures["learned"]:
        print(f"round {number}: dropped: none of its episodes succeeded, there is nothing to learn from", flush=True)
        return row, policy
    run_all(tuple(after.values()), len(after), ledger, out, workers)
    paired = compare(_outcomes(after, out), _outcomes(before, out))
    row |= {"after": _rows(after, ledger), "paired": paired, "kept": is_no_worse(paired)}
    print(f"round {number}: {'kept' if row['kept'] else 'dropped'}: {in_words(paired)}", flush=True)
    return row, learned if row["kept"] else policy


def is_no_worse(paired: Mapping[str, Any]) -> bool:
    """Whether what `compare` found lets a round be kept.

    Over all sets together it stacks at least as often as before, and on no set is it shown to be worse: the 95 %
    interval of no paired difference lies below zero. A rule that lets no set lose a single episode would drop nearly
    every round that changes nothing, on six sets, by chance.
    """
    shown_worse = any(one["difference95"][1] < 0 for one in paired["sets"].values())
    return paired["all"]["difference"] >= 0 and not shown_worse


def in_words(paired: Mapping[str, Any]) -> str:
    """The paired differences of each set and of all, in points."""
    parts = []
    for name, one in {**paired["sets"], "all": paired["all"]}.items():
        low, high = one["difference95"]
        parts.append(f"{name} {100 * one['difference']:+.0f} points (95 %: {100 * low:+.0f} to {100 * high:+.0f})")
    return ", ".join(parts)


def _own_successes(drives: list, out: Path) -> int:
    from gato_ros.evaluation.improvement.learning import own_recordings, succeeded

    return sum(succeeded(one) for one in own_recordings([out / stage.folder for stage in drives]))


def _rows(stages: Mapping[str, EvaluateStage], ledger: Ledger) -> dict[str, Any]:
    return {
        name: {key: ledger.entries[stage.name]["result"]["sets"][name][key] for key in ROW}
        for name, stage in stages.items()
    }


def _outcomes(stages: Mapping[str, EvaluateStage], out: Path) -> Outcomes:
    return {
        name: read_result(out / stage.folder / RESULT_FILE).conditions[PLAIN][name] for name, stage in stages.items()
    }


def _result(sizes: RoundSizes, rounds: list[dict[str, Any]], policy: Path) -> dict[str, Any]:
    """What the verb reports. Its cost is in episodes: driven to learn from, and run to be measured."""
    measured = sizes.evaluation_episodes * len(sizes.sets) * (1 + sum(row["after"] is not None for row in rounds))
    driven = sum(row["episodes"] for row in rounds)
    kept = sum(row["kept"] for row in rounds)
    print(f"{kept} of {len(rounds)} rounds kept, {driven} episodes driven and {measured} measured; weights: {policy}")
    return {
        "policy": str(policy),
        "rounds": rounds,
        "episodes": driven,
        "evaluation_episodes": measured,
        "kept": kept,
    }
