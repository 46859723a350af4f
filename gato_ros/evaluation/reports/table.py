"""What an evaluation prints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gato_ros.evaluation.episode import PLAIN, PROMPTS, condition


def print_result(result: Mapping[str, Any]) -> None:
    """The tables of a result."""
    if "perturbations" in result:
        blocks = {condition(name, block["level"]): block for name, block in result["perturbations"].items()}
        _print_paired(result, "world", {PLAIN: result, **blocks}, "in the plain world")
    elif "prompts" in result:
        _print_paired(
            result,
            "prompt",
            {"none": result, **{PROMPTS[part]: block for part, block in result["prompts"].items()}},
            "without",
        )
        print(f"prompts of up to {result['prompt_steps']} control steps from {len(result['prompt_files'])} episodes")
    else:
        _print_sets(result)
    if "against" in result:
        print_comparison(result["against"])
    if "video" in result:
        _print_video(result["video"])
    if "report" in result:
        print(f"page: {result['report']}")


def _print_video(video: Mapping[str, Any] | None) -> None:
    if video is None:
        print("no failed episode: nothing to film")
        return
    print(f"{len(video['episodes'])} failed episodes in {video['film']} and {video['picture']}")
    different = sum(not row["reproduced"] for row in video["episodes"])
    if different:
        print(f"{different} of them went differently than before: this policy does not do the same twice")


def _print_sets(result: Mapping[str, Any]) -> None:
    from rich.table import Table

    changed = result["perturbation"]
    if changed:
        world = condition(changed["name"], changed["level"])
    else:
        world = f"world {result['world']}"
    title = f"policy {result['policy']}, {world}{_text(result)}"
    table = Table("set", _done(result), "rate", "95 % interval", "mean steps", "failures", title=title)
    for name, row in result["sets"].items():
        failures = ", ".join(f"{count} {kind}" for kind, count in row["failures"].items())
        table.add_row(
            name,
            f"{row['successes']} of {row['episodes']}",
            f"{row['rate']:.1%}",
            _interval(row["wilson95"]),
            f"{row['mean_steps']:.0f}",
            failures,
        )
    _show(table)
    if len(result["sets"]) > 1:
        print(f"mean rate {result['mean_rate']:.1%}")
    print(f"wrong object {_wrong_object(result):.1%}")


def _print_paired(result: Mapping[str, Any], what: str, blocks: Mapping[str, Any], plain: str) -> None:
    """Conditions of one evaluation; the first of `blocks` is `plain`, which the others are paired with."""
    from rich.table import Table

    from gato_ros.core.statistics import wilson95

    table = Table(
        what,
        _done(result),
        "rate",
        "95 % interval",
        "wrong object",
        "points to plain",
        "95 % interval",
        "both",
        "lost",
        "won",
        "neither",
        "p",
        title=f"policy {result['policy']} on {', '.join(result['sets'])}{_text(result)}",
        caption=f"lost: {_done(result)} {plain} only; won: in this one only; p: exact McNemar, "
        "for a row alone: of seven, one below 0.05 is no surprise",
    )
    for name, block in blocks.items():
        rows = block["sets"].values()
        stacked, episodes = sum(row["successes"] for row in rows), sum(row["episodes"] for row in rows)
        table.add_row(
            name,
            f"{stacked} of {episodes}",
            f"{block['mean_rate']:.1%}",
            _interval(wilson95(stacked, episodes)),
            f"{_wrong_object(block):.1%}",
            *(_paired_cells(block["against_plain"]["all"]) if "against_plain" in block else []),
        )
    _show(table)
    if len(result["sets"]) > 1:
        by_set = Table(what, *result["sets"], title="rate, and points to plain, by object set")
        for name, block in blocks.items():
            compared = block.get("against_plain", {"sets": {}})["sets"]
            by_set.add_row(
                name,
                *(
                    f"{row['rate']:.1%}" + (f" ({_points(compared[which]['difference'])})" if which in compared else "")
                    for which, row in block["sets"].items()
                ),
            )
        _show(by_set)


def _text(result: Mapping[str, Any]) -> str:
    """For how long the task was told in words, where that is not throughout."""
    shown = result["text_s"]
    if shown is None:
        return ""
    return f", task in words for {shown:g} s" if shown else ", task not in words"


def _done(result: Mapping[str, Any]) -> str:
    """What a success of the task is called: the last of its stages."""
    return list(next(iter(result["sets"].values()))["stages"])[-1]


def _wrong_object(block: Mapping[str, Any]) -> float:
    """Share of the episodes in which another object was lifted or pushed."""
    rows = block["sets"].values()
    wrong = sum(row["wrong_object_rate"] * row["episodes"] for row in rows)
    return wrong / sum(row["episodes"] for row in rows)


def print_comparison(against: Mapping[str, Any]) -> None:
    """The paired tables of a comparison with another result."""
    from rich.table import Table

    for name, block in against["conditions"].items():
        there = f" ({block['that']})" if block["that"] != name else ""
        table = Table(
            "set",
            "pairs",
            "points, this minus that",
            "95 % interval",
            "both",
            "only that",
            "only this",
            "neither",
            "p",
            title=f"{name}: this against {against['policy']} in {against['file']}{there}",
            caption="p: exact McNemar test",
        )
        rows = dict(block["sets"])
        if len(rows) > 1:
            rows["together"] = block["all"]
        for which, row in rows.items():
            table.add_row(which, str(row["pairs"]), *_paired_cells(row))
        _show(table)
    notes = [key for key in against["differs_in"] if key != "weights_sha256"]
    if notes:
        print(f"not made alike: {', '.join(notes)} of the two differ, so the difference is not the policy's alone")


def _paired_cells(row: Mapping[str, Any]) -> list[str]:
    low, high = row["difference95"]
    counts = [str(row[key]) for key in ("both", "only_that", "only_this", "neither")]
    return [_points(row["difference"]), f"{_points(low)} to {_points(high)}", *counts, f"{row['p_value']:.2g}"]


def _interval(bounds: tuple[float, float]) -> str:
    return "{:.1%} - {:.1%}".format(*bounds)


def _points(share: float) -> str:
    return f"{100 * share:+.1f}"


def _show(table: Any) -> None:
    from gato_ros.evaluation.console import make_console

    make_console().print(table)
