"""The evaluation's page: what it says and that it needs nothing beside it. Films are tested where episodes run."""

import json
import re
from html.parser import HTMLParser

import pytest

from gato_ros.core.errors import SetupError
from gato_ros.core.statistics import wilson95
from gato_ros.evaluation import evaluate
from gato_ros.evaluation.comparison import compare_with, read_result
from gato_ros.evaluation.episode import Job
from gato_ros.evaluation.outcomes import EpisodeOutcome
from gato_ros.evaluation.provenance import SOURCE, git_commit, versions
from gato_ros.evaluation.reports.report import episodes_to_film, write_report


def outcome(seed, success, failure="dropped"):
    return EpisodeOutcome(
        seed, success, 100, "stacked" if success else "grasped", ("a", "b", "c"), None if success else failure
    )


def evaluation(path, policy, stacked, **more):
    """A file as `evaluate --json` writes it: set -> who stacked."""
    path.write_text(
        json.dumps(
            {
                "policy": policy,
                "perturbation": None,
                "task": "red_on_blue",
                "weights_sha256": f"sha of {policy}",
                "contract_digest": "digest",
                "package_version": "1",
                **more,
                "sets": {
                    name: {"outcomes": [outcome(900_000 + k, bool(one)).row() for k, one in enumerate(row)]}
                    for name, row in stacked.items()
                },
            }
        )
    )
    return path


def over_ros(path, stacked):
    path.write_text(
        json.dumps(
            {
                "policy": "m",
                "objects": "cubes",
                "task": "red_on_blue",
                "embodiment": {"name": "r", "digest": "digest"},
                "control_rate_hz": 19.98,
                "ticks": 300,
                "missed_ticks": 2,
                "camera_to_command_ms": {"p50": 15.0, "p99": 21.5},
                "guard_verdicts": {"ok": 900, "limited": 100},
                "guard_reasons": {"workspace": 80},
                "joint_jerk_rad_s3": {"rms": 12.5, "p99": 40.0},
                "episode_rows": [
                    {"seed": 900_000 + k, "stacked": bool(one), "steps": 100, "objects": ["a", "b", "c"]}
                    for k, one in enumerate(stacked)
                ],
            }
        )
    )
    return path


class Page(HTMLParser):
    """Text of the cells, row by row, what is loaded, and whether every element is closed."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.cells, self.open, self.loaded, self._in_cell = [], [], [], [], False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.loaded += [given[key] for key in ("src", "href") if key in given]
        if tag == "i" and given.get("class"):
            self.cells.append(given["class"])
        if tag not in ("meta", "br"):
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self._in_cell = True

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        self._in_cell = self._in_cell and tag not in ("td", "th")

    def handle_data(self, data):
        if self._in_cell:
            self.rows[-1][-1] += data.replace("\xa0", " ")

    def row(self, first):
        return next([cell.strip() for cell in row] for row in self.rows if row and row[0].strip() == first)


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """The page of two policies, and the comparison that it shows."""
    folder = tmp_path_factory.mktemp("page")
    this = evaluation(folder / "this.json", "weights/new", {"cubes": [1, 1, 1, 0], "triplet1": [1, 0, 0, 0]})
    that = evaluation(folder / "that.json", "weights/old", {"cubes": [1, 0, 1, 0], "triplet1": [0, 1, 0, 0]})
    result = evaluate.evaluate_policy(
        evaluate.Evaluation(result=this, against=that, quiet=True, report=folder / "page.html")
    )
    return (folder / "page.html").read_text(), result["against"]


def test_the_page_has_rates_intervals_pairs_and_hashes(compared):
    text, against = compared
    page = Page(text)
    assert not page.open and not page.loaded and "http" not in text  # self-contained, well formed
    low, high = wilson95(3, 4)
    assert page.row("cubes")[:4] == ["cubes", "3 of 4", "75.0 %", f"{100 * low:.1f} % to {100 * high:.1f} %"]
    row = against["conditions"]["plain"]["all"]
    paired = next([cell.strip() for cell in row] for row in page.rows if row[0] == "together")
    assert paired[1:6] == ["8", "2", "2", "1", "3"] and paired[6].startswith(f"{100 * row['difference']:+.1f} (")
    # Both policies' tracks, and one cell per pair.
    assert text.count('class="track this"') == text.count('class="track that"') == 2
    assert [kind for kind in page.cells if kind != "key"] == [
        "both",
        "only-this",
        "both",
        "neither",
        "only-this",
        "only-that",
        "neither",
        "neither",
    ]
    for part in ("sha of weights/new", "sha of weights/old", "digest", git_commit() or "unknown"):
        assert part in text
    assert "not applicable" in text and "Made from files alone" in text


def test_a_run_over_ros_shows_times_guard_and_jerk_beside_one_that_has_none(tmp_path):
    this, that = over_ros(tmp_path / "report.json", [1, 0]), evaluation(tmp_path / "e.json", "m", {"cubes": [1, 1]})
    evaluate.evaluate_policy(evaluate.Evaluation(result=this, against=that, quiet=True, report=tmp_path / "p.html"))
    page = Page(text := (tmp_path / "p.html").read_text())
    assert page.row("Camera to command, p99")[1] == "21.5 ms" and page.row("Missed ticks")[1] == "2 of 300"
    assert page.row("Guard ticks: limited")[1] == "10.0%" and page.row("Guard ticks because of workspace")[1] == "80"
    assert page.row("Commanded joint jerk, root mean square")[1] == "12.5 rad/s³"
    assert re.search(r"m \(e.json\): not applicable", text)


def test_names_are_no_markup_and_a_page_that_cannot_be_written_is_refused_first(tmp_path):
    this = read_result(evaluation(tmp_path / "this.json", "<script>alert(1)</script>", {"cubes": [1]}))
    write_report(tmp_path / "deep" / "page.html", this)
    text = (tmp_path / "deep" / "page.html").read_text()
    assert "<script>" not in text and "&lt;script&gt;" in text and not list((tmp_path / "deep").glob("*.partial"))
    for options in ({"policy": "hold"}, {"result": this.path, "against": this.path}):
        with pytest.raises(SetupError, match="--report"):
            evaluate.evaluate_policy(evaluate.Evaluation(report=tmp_path, quiet=True, **options))


def test_conditions_have_a_row_each_and_are_paired_with_the_plain_world(tmp_path):
    plain, dim = [outcome(900_000, True), outcome(900_001, True)], [outcome(900_000, True), outcome(900_001, False)]
    this = read_result(evaluation(tmp_path / "this.json", "p", {"cubes": [1, 1]}))
    this = type(this)(this.path, "p", this.about, {"plain": {"cubes": plain}, "light high": {"cubes": dim}})
    compared = compare_with(
        {"light high": {"cubes": dim}},
        this.about,
        type(this)(this.path, "p", this.about, {"light high": {"cubes": plain}}),
    )["conditions"]["light high"]["all"]
    write_report(tmp_path / "p.html", this, blocks={"light high": compared})
    assert Page((tmp_path / "p.html").read_text()).row("light high")[1:] == [
        "1 of 2",
        "50.0 %",
        "9.5 % to 90.5 %",
        "",
        "-50.0",
        "1",
    ]


def test_successes_of_all_sets_come_before_two_of_one_and_failures_follow():
    outcomes = {Job("p", name, seed): outcome(seed, seed < 3) for name in ("cubes", "triplet1") for seed in range(6)}
    jobs = [(job.object_set, job.seed) for job in episodes_to_film(outcomes, 3)]
    assert jobs == [("cubes", 0), ("triplet1", 0), ("cubes", 1), ("cubes", 3), ("cubes", 4), ("triplet1", 3)]
    assert episodes_to_film(outcomes, 0) == []


def test_versions_and_commit_are_this_checkouts(tmp_path):
    assert git_commit(tmp_path) is None and versions(("no-such-package",))["no-such-package"] is None
    if (SOURCE / ".git").exists():
        assert re.match(r"[0-9a-f]{40}", git_commit())
