"""What the page shows of the disk: numbered files, rows that never fail, and pages that are enclosed."""

import asyncio
import json
import time

import numpy as np
import pytest

pytest.importorskip("aiohttp", reason="aiohttp is not installed here (requirements/runtime.txt has it)")

from gato_ros.data import messages
from gato_ros.data.incidents.incident import Topic, write_incident
from gato_ros.data.incidents.message_ring import Kept
from gato_ros.nodes.console.access import ENCLOSED
from gato_ros.nodes.console.archive.archive import KEPT_PAGES, Archive
from gato_ros.nodes.console.archive.catalogue import MOST, Catalogue
from gato_ros.nodes.console.archive.facts import LONGEST, as_line, facts, thumbnail
from gato_ros.nodes.console.archive.work import Done
from tests.nodes.console.running import Running, Verbs

ROW = {"seed": 900000, "success": True, "steps": 10, "progress": None, "failure": None, "objects": ["a"]}
RESULT = {"perturbation": None, "policy": "weights/better", "sets": {"cubes": {"outcomes": [ROW]}}}
CAMERA = Topic("/robot/camera", messages.IMAGE, "image", "camera")


def incident(folder, name="latched"):
    stamp_ns = time.time_ns()
    pixels = np.full((12, 16, 3), (200, 10, 10), np.uint8)
    kept = [Kept(1.0, stamp_ns, CAMERA.name, bytes(messages.image(pixels, stamp_ns, "camera")))]
    about = {"robot": "sawyer", "reason": "stale_state", "span_s": 3.5, "lost": {}}
    return write_incident(folder, name, {CAMERA.name: CAMERA}, kept, about)


def names(listing):
    return [entry.name for entry in listing.entries]


def test_a_number_means_one_file_and_dots_are_left_out(tmp_path):
    for name in ("a.mcap", "b.mcap", ".hidden.mcap", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / ".partial").mkdir()
    (tmp_path / "folder.mcap").mkdir()
    catalogue = Catalogue({"episodes": tmp_path})
    first = catalogue.listing("episodes")
    numbers = {entry.name: entry.number for entry in first.entries}
    assert sorted(numbers) == ["a.mcap", "b.mcap"]
    (tmp_path / "c.mcap").write_bytes(b"x")
    again = {entry.name: entry.number for entry in catalogue.listing("episodes").entries}
    assert numbers.items() <= again.items() and len(set(again.values())) == 3
    assert catalogue.find("episodes", numbers["a.mcap"]).path == tmp_path / "a.mcap"
    assert catalogue.find("incidents", numbers["a.mcap"]) is None and catalogue.find("episodes", 999) is None
    (tmp_path / "a.mcap").unlink()
    assert catalogue.find("episodes", numbers["a.mcap"]) is None


def test_a_folder_that_is_not_there_says_so(tmp_path):
    catalogue = Catalogue({"episodes": tmp_path / "none", "reports": None})
    assert "no folder" in catalogue.listing("episodes").problem and "no folder" in catalogue.listing("reports").problem


def test_a_large_folder_shows_its_newest(tmp_path):
    for number in range(MOST + 5):
        (tmp_path / f"{number:04}.mcap").touch()
    listing = Catalogue({"episodes": tmp_path}).listing("episodes")
    assert len(listing.entries) == MOST and listing.left_out == 5


def test_what_cannot_be_read_is_a_row_that_says_why(tmp_path):
    (tmp_path / "cut.mcap").write_bytes(b"\x89MCAP0\r\n")
    (tmp_path / "broken.json").write_text("{broken")
    (tmp_path / "half.json").write_text('{"sets": {}}')
    for kind, name in (("episodes", "cut.mcap"), ("incidents", "cut.mcap"), ("reports", "broken.json")):
        assert "not readable" in facts(kind, tmp_path / name)["problem"]
    assert "not readable" in facts("reports", tmp_path / "half.json")["problem"]
    assert facts("episodes", tmp_path / "gone.mcap")["problem"]


def test_a_result_is_counted_and_other_json_left_out(tmp_path):
    (tmp_path / "result.json").write_text(json.dumps(RESULT))
    (tmp_path / "other.json").write_text('{"speed": 3}')
    found = facts("reports", tmp_path / "result.json")
    assert found["policy"] == "better" and found["conditions"] == [{"name": "plain", "episodes": 1, "successes": 1}]
    assert facts("reports", tmp_path / "other.json") is None


def test_an_incident_has_a_reason_and_a_thumbnail(tmp_path):
    path = incident(tmp_path)
    found = facts("incidents", path)
    assert (found["problem"], found["reason"], found["robot"]) == ("", "stale_state", "sawyer") and found["picture"]
    assert thumbnail(path)[:2] == b"\xff\xd8"


def test_a_row_is_json_whatever_stands_in_the_file():
    assert json.loads(as_line({"note": "x" * 10_000}))["note"] == "x" * LONGEST
    assert "not readable" in json.loads(as_line({"seconds": float("nan")}))["problem"]
    assert json.loads(as_line(None)) is None


@pytest.fixture
def disk(tmp_path):
    """A server at folders with an incident, a damaged one, a result and a page that would like to do harm."""
    for name in ("incidents", "reports"):
        (tmp_path / name).mkdir()
    incident(tmp_path / "incidents")
    (tmp_path / "incidents/cut.mcap").write_bytes(b"\x89MCAP0\r\n")
    (tmp_path / "reports/result.json").write_text(json.dumps(RESULT))
    (tmp_path / "reports/page.html").write_text("<script>fetch('/')</script>")
    running = Running(folders={name: tmp_path / name for name in ("incidents", "reports")})
    yield running, tmp_path
    running.close()


def listed(browser, what):
    browser.say("list", what=what)
    done = lambda: [one for one in browser.of("listing") if one["what"] == what and one["done"]]
    browser.wait(done, "the list")
    return {row["name"]: row for row in done()[-1]["rows"]}


def test_lists_and_pages_come_by_number_and_nothing_changes(disk):
    running, folder = disk
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with running.browser() as one:
        one.look()
        incidents, reports = listed(one, "incidents"), listed(one, "reports")
        assert (
            incidents["latched.mcap"]["reason"] == "stale_state" and "not readable" in incidents["cut.mcap"]["problem"]
        )
        assert reports["result.json"]["conditions"] and reports["page.html"]["page"]
        number = incidents["latched.mcap"]["number"]
        assert one.get(f"/archive/incidents/{number}/page")[0] == 404
        status, headers, _ = one.get_bytes(f"/archive/incidents/{number}/picture")
        assert status == 200 and headers["Content-Type"] == "image/jpeg"
        number = reports["page.html"]["number"]
        one.say("open", what="reports", number=number)
        one.wait(lambda: one.of("opened"), "the page")
        status, headers, text = one.get(f"/archive/reports/{number}/page")
        assert one.last("opened")["page"] and (status, text) == (200, "<script>fetch('/')</script>")
        assert {name: headers[name] for name in ENCLOSED} == ENCLOSED
        for path in (
            "reports/999/page",
            "incidents/../page",
            f"reports/{number}/other",
            "secrets/1/page",
            "reports/-1/page",
        ):
            assert one.get(f"/archive/{path}")[0] in (400, 404), path
        one.say("open", what="incidents", number=999)
        one.wait(lambda: len(one.of("opened")) == 2, "the answer")
        assert "not there" in one.last("opened")["problem"]
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_page_of_a_file_is_nobody_here():
    policy = ENCLOSED["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-scripts;") and "allow-same-origin" not in policy
    assert "default-src 'none'" in policy and "connect-src" not in policy and "http" not in policy


def test_a_prompt_is_chosen_by_its_number_and_never_by_a_path(tmp_path):
    (tmp_path / "demonstration.mcap").touch()
    running = Running(folders={"prompts": tmp_path})
    running.desk.archive._work = Verbs()
    try:
        with running.browser() as one:
            one.look().take()
            number = listed(one, "prompts")["demonstration.mcap"]["number"]
            for wrong in ("999", "/etc/passwd", "../x.mcap", "-1", "²", str(10**20)):
                before = len(one.of("refused"))
                one.say("do", verb="prompt", text=wrong)
                one.wait(lambda before=before: len(one.of("refused")) > before, "the refusal")
                assert one.last("refused")["why"] == "bad_request"
            for text in (str(number), ""):
                one.say("do", verb="prompt", text=text)
            one.wait(lambda: running.desk.orders.qsize() == 2, "the orders")
            assert running.orders() == [("prompt", str(tmp_path / "demonstration.mcap")), ("prompt", "")]
    finally:
        running.close()


class Slow(Verbs):
    """As Verbs, after a while."""

    async def run(self, *arguments: str, niceness: int = 0) -> Done:
        await asyncio.sleep(0.5)
        return await super().run(*arguments, niceness=niceness)


def test_weights_are_chosen_by_their_number_and_never_by_a_path(tmp_path):
    made_for = {"embodiment": {"name": "sawyer"}, "others": [{"name": "games"}]}
    for kind in ("shipped", "weights"):
        (tmp_path / kind / "mine").mkdir(parents=True)
        (tmp_path / kind / "mine/params.safetensors").touch()
        (tmp_path / kind / "mine/config.json").write_text(json.dumps(made_for))
    (tmp_path / "weights/damaged").mkdir()
    (tmp_path / "weights/damaged/params.safetensors").touch()
    running = Running(folders={kind: tmp_path / kind for kind in ("shipped", "weights")})
    try:
        with running.browser() as one:
            one.look().take()
            numbers = {}
            for kind in ("shipped", "weights"):
                one.say("list", what=kind)
                one.wait(lambda: one.of("listing") and one.last("listing")["done"], kind)
                rows = {row["name"]: row for row in one.last("listing")["rows"]}
                assert rows["mine"]["contracts"] == ["sawyer", "games"] and not rows["mine"]["problem"]
                numbers[kind] = rows["mine"]["number"]
                one.received.clear()
            assert rows["damaged/params.safetensors"]["problem"].startswith("not readable")
            for text in (str(numbers["shipped"]), str(numbers["weights"]), "hold"):
                one.say("do", verb="policy", text=text)
            one.wait(lambda: running.desk.orders.qsize() == 3, "three orders")
            assert running.orders() == [
                ("policy", "mine"),
                ("policy", str(tmp_path / "weights/mine")),
                ("policy", "hold"),
            ]
            for bad in (str(tmp_path / "weights/mine"), "mine", "", "-1", "999", "²"):
                before = len(one.of("refused"))
                one.say("do", verb="policy", text=bad)
                one.wait(lambda before=before: len(one.of("refused")) > before, bad)
                assert one.last("refused")["why"] == "bad_request"
            assert running.orders() == []
    finally:
        running.close()


def test_one_thing_is_made_at_a_time_and_lists_come_meanwhile(disk):
    running, _ = disk
    running.desk.archive._work = Slow(json.dumps({"findings": []}), rows={"reports": {"problem": "", "page": True}})
    with running.browser() as one:
        one.look()
        one.say("examine")
        one.say("examine")
        assert listed(one, "reports").keys() == {"result.json", "page.html"} and not one.of("doctor")
        one.wait(lambda: one.of("doctor"), "the first table")
        assert [said["why"] for said in one.of("refused")] == ["reading"]


def test_what_fails_while_it_is_made_is_said(disk):
    running, _ = disk
    running.desk.archive._work = Verbs(json.dumps({"no": "findings"}))
    with running.browser() as one:
        one.look()
        one.say("examine")
        one.wait(lambda: one.of("refused"), "the refusal")
        assert one.last("refused")["why"] == "not_read" and "KeyError" in one.last("refused")["message"]


def test_a_kind_that_is_none_is_refused(disk):
    with disk[0].browser() as one:
        one.look()
        one.say("list", what="secrets")
        one.wait(lambda: one.of("refused"), "the refusal")
        assert one.last("refused")["why"] == "bad_request"


@pytest.fixture
def archive(tmp_path):
    for name in ("episodes", "incidents", "reports"):
        (tmp_path / name).mkdir()
    (tmp_path / "episodes/episode.mcap").touch()
    (tmp_path / "incidents/latched.mcap").touch()
    for number in range(2):
        (tmp_path / f"reports/{number}.json").touch()
    made = Archive({name: tmp_path / name for name in ("episodes", "incidents", "reports")}, ("--namespace", "/arm"))
    yield made
    made.close()


def run(archive, content, work):
    """What `work(archive)` gives, with these verbs."""
    archive._work = content
    return asyncio.run(work)


def rows(archive, kind):
    told = []
    run(archive, Verbs(), archive.list(kind, told.append))
    return [row["number"] for row in told[-1]["rows"]]


def test_the_episode_page_is_made_once(archive):
    (number,) = rows(archive, "episodes")
    verbs = Verbs("<p>episode</p>")
    for _ in range(2):
        assert run(archive, verbs, archive.open("episodes", number))["page"]
    assert len(verbs.asked) == 1 and verbs.asked[0][:3] == ("gato_ros", "episodes", "view")
    assert archive.page("episodes", number).read_text() == "<p>episode</p>"


def test_what_a_verb_says_is_why_there_is_no_page(archive):
    (number,) = rows(archive, "episodes")
    said = "error: expected an episode; got half of one; fix: record it again"
    answer = run(archive, Verbs(said=f"Traceback\n{said}"), archive.open("episodes", number))
    assert not answer["page"] and answer["problem"] == said


def test_an_incident_is_shown_by_its_verdict(archive):
    (number,) = rows(archive, "incidents")
    first = {"at_s": -0.25, "where": "joint 3", "recorded": "1", "replayed": "2"}
    layers = [{"name": "verdict", "compared": 5, "different": 1, "not_compared": {"no input": 2}, "first": first}]
    found = json.dumps({"ok": False, "reason": "speed", "notes": ["jax was older"], "layers": layers})
    replay = run(archive, Verbs(found), archive.open("incidents", number))["replay"]
    assert replay["ok"] is False and replay["notes"] == ["jax was older"]
    assert replay["layers"][0]["first"] == "-0.250 s, joint 3" and replay["layers"][0]["skipped"] == "2: no input"
    assert archive.page("incidents", number) is None


def test_two_results_are_compared_and_few_pages_kept(archive):
    one, other = rows(archive, "reports")
    made = [run(archive, Verbs("<p>pair</p>"), archive.compare(one, other)) for _ in range(KEPT_PAGES + 1)]
    assert all(answer["page"] for answer in made) and len({answer["number"] for answer in made}) == len(made)
    assert archive.page("comparisons", made[-1]["number"]).is_file()
    assert archive.page("comparisons", made[0]["number"]) is None
    assert "expected two results" in run(archive, Verbs("x"), archive.compare(one, 999))["problem"]


def test_the_doctors_table_comes_worst_first(archive):
    levels = ("green", "red", "yellow")
    found = [{"level": one, "what": f"the {one} one", "found": "x", "fix": "do it"} for one in levels]
    verbs = Verbs(json.dumps({"ok": False, "findings": found}))
    table = run(archive, verbs, archive.doctor())
    assert [row["level"] for row in table["rows"]] == ["red", "yellow", "green"] and table["rows"][0]["fix"] == "do it"
    assert verbs.asked[0][:5] == ("gato_ros", "doctor", "--robot", "--namespace", "/arm")
    assert run(archive, Verbs(said="no ROS here"), archive.doctor())["problem"] == "no ROS here"
