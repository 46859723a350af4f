"""The page of scores in domains: which episodes are filmed, what the chart counts, and that nothing is left out."""

import base64
import json
import re

import pytest

from gato_ros.domains.baselines.baseline import FOLDER
from gato_ros.evaluation.foreign.film import Film, film, films_to_make
from gato_ros.evaluation.foreign.plays import Run
from gato_ros.evaluation.foreign.table import in_short, named, one_decimal
from gato_ros.evaluation.foreign.task_result import TaskResult
from gato_ros.evaluation.reports.domains_page import THRESHOLDS, tasks_above, write_domains_page


def result(successes, dropped=()):
    count = len(successes)
    return TaskResult(
        "success", 900_000, count + len(dropped), dropped, tuple(map(float, successes)), successes, (5,) * count
    )


def test_every_task_is_filmed_once_before_one_twice():
    found = {
        ("a", "near"): result((True, True, False), dropped=(900_000,)),
        ("a", "far"): result((False, True)),
        ("b", "only"): result((False, False)),
    }
    assert films_to_make(found, 2) == [
        ("a", "near", 900_001),
        ("a", "far", 900_001),
        ("a", "near", 900_003),
        ("a", "far", 900_000),
        ("b", "only", 900_000),
        ("b", "only", 900_001),
    ]
    assert films_to_make(found, 0) == []


def test_the_chart_counts_tasks_at_or_above_a_share():
    rows = {name: {"percent_of_expert": percent} for name, percent in (("x", 50.0), ("y", 99.0), ("z", None))}
    counts = dict(zip(THRESHOLDS, tasks_above({"a": {"tasks": rows}})["a"]))
    assert (counts[0], counts[50], counts[52], counts[98], counts[100]) == (2, 2, 1, 1, 0)


def test_what_rounds_to_nothing_has_no_sign():
    assert [one_decimal(value) for value in (-3e-14, 0.04, -0.06, 93.75)] == ["0.0", "0.0", "-0.1", "93.8"]


def test_scores_are_said_with_as_many_places_as_they_need():
    assert [in_short(value) for value in (0.18123, -3e-9, 9.5, -20.54, 67780.2)] == [
        "0.181",
        "0.000",
        "9.500",
        "-20.5",
        "67,780",
    ]


def test_weights_are_named_by_the_training_that_left_them(tmp_path):
    assert [named(name) for name in ("random", "out/gato_generalist")] == ["random", "gato_generalist"]
    assert named(str(tmp_path / "base" / "last")) == "base/last"


def test_an_interval_is_drawn_where_it_lies(tmp_path):
    """From left and right edge, each cut off at the ends of the scale."""
    scores = json.loads((FOLDER / "atari_random.json").read_text())
    rows = scores["domains"]["atari"]["tasks"]
    wanted = {
        "pong": (-20.0, [-60.0, 30.0]),
        "boxing": (120.0, [70.0, 140.0]),
        "freeway": (50.0, [40.0, 60.0]),
        "breakout": (-3e-14, [-3e-14, 9.0]),
    }
    for task, (percent, interval) in wanted.items():
        rows[task].update(percent_of_expert=percent, interval95=interval)
    write_domains_page(tmp_path / "page.html", scores, [], "none")
    lines = {
        task: next(line for line in (tmp_path / "page.html").read_text().split("<tr>") if f"<td>{task}</td>" in line)
        for task in wanted
    }
    drawn = {task: re.search(r"<i style=\"left: ([\d.]+)%; right: ([\d.]+)%", line) for task, line in lines.items()}
    assert {task: tuple(map(float, found.groups())) for task, found in drawn.items()} == {
        "pong": (0, 70),
        "boxing": (70, 0),
        "freeway": (40, 40),
        "breakout": (0, 91),
    }
    assert {task: "beyond" in line for task, line in lines.items()} == {
        "pong": True,
        "boxing": True,
        "freeway": False,
        "breakout": False,
    }


def test_the_page_has_every_task_and_stands_alone(tmp_path):
    scores = json.loads((FOLDER / "babyai_random.json").read_text())
    shown = Film("babyai", "open", 900_000, True, 1.0, 7, False, "data:video/mp4;base64,AAAA")
    write_domains_page(tmp_path / "page.html", {**scores, "left_out": {"atari": "not <there>"}}, [shown], "")
    page = (tmp_path / "page.html").read_text()
    assert all(f"<td>{task}</td>" in page for task in scores["domains"]["babyai"]["tasks"])
    assert "atari is left out: not &lt;there&gt;" in page and "went differently than in the table" in page
    assert not re.findall(r"""(?:src|href)=["']?https?:""", page)


def test_an_episode_is_filmed_as_it_was_played():
    pytest.importorskip("minigrid")
    run = Run("babyai", "go_to_obj", "expert")
    made = film(run, 900_000, (True, 10_000))
    assert isinstance(made, Film) and made.success and not made.reproduced
    assert film(run, 900_000, (True, made.steps)).reproduced
    assert base64.b64decode(made.video.partition(",")[2])[4:8] == b"ftyp"
