"""`episodes` as a user runs it: what is printed, what is written, and the exit code."""

import json

import pytest

from gato_ros.cli import main
from gato_ros.data.episodes.episode import EpisodeWriter
from gato_ros.data.episodes.trash import in_trash
from tests.data.recordings import OPERATED, ROBOT, label, observation, write


def episodes(*arguments):
    """The exit code."""
    with pytest.raises(SystemExit) as ended:
        main(["episodes", *map(str, arguments)])
    return ended.value.code


@pytest.fixture
def folder(tmp_path):
    write(tmp_path / "data", "one")
    write(tmp_path / "data", "two", range(4), OPERATED, {"success": False})
    return tmp_path / "data"


def answer(tmp_path, *arguments, code=0):
    assert episodes(*arguments, "--json", tmp_path / "answer.json") == code
    return json.loads((tmp_path / "answer.json").read_text())


def test_ls_shows_what_the_recording_says_and_what_was_said_since(folder, tmp_path, capsys):
    assert episodes("label", folder / "two.mcap", "--verdict", "success", "--note", "good enough", "--by", "Ben") == 0
    found = answer(tmp_path, "ls", folder)
    assert (found["episodes"], found["successes"], found["failures"], found["steps"]) == (2, 2, 0, 16)
    two = found["rows"][1]
    assert (two["success"], two["recorded_success"], two["note"], two["driver"]) == (True, False, "good enough", "Ada")
    assert (two["steps"], two["images"], two["seconds"], two["task"]) == (4, 4, 0.15, OPERATED["task_text"])
    shown = capsys.readouterr().out
    assert "yes*" in shown and "2 episodes, 2 successes" in shown


def test_ls_tells_of_unfinished_unreadable_and_trashed_files(folder, tmp_path, capsys):
    (folder / ".partial").mkdir(exist_ok=True)
    (folder / ".partial" / "three.mcap").write_bytes(b"x")
    assert episodes("trash", folder / "two.mcap", "--reason", "bumped", "--by", "Ben") == 0
    path = folder / "one.mcap"
    path.write_bytes(path.read_bytes()[:-50])
    found = answer(tmp_path, "ls", folder, code=1)
    assert (found["unreadable"], found["in_trash"], len(found["unfinished"])) == (1, 1, 1)
    assert "not readable" in found["rows"][0]["problem"]
    thrown = answer(tmp_path, "ls", folder, "--trash")
    assert [(row["episode"], row["reason"], row["by"]) for row in thrown["rows"]] == [("two.mcap", "bumped", "Ben")]
    assert "repair" in capsys.readouterr().out


def test_verify_names_what_is_wrong_and_the_exit_code_says_so(folder, tmp_path):
    found = answer(tmp_path, "verify", folder)
    assert (found["episodes"], found["with_problems"], found["steps"], found["images"]) == (2, 0, 16, 16)
    path = folder / "two.mcap"
    path.write_bytes(path.read_bytes()[:-50])
    found = answer(tmp_path, "verify", folder, "--problems-only", code=1)
    rows = {row["file"]: row["problems"] for row in found["rows"]}
    assert rows["one.mcap"] == [] and "truncated" in rows["two.mcap"][0]


def test_verify_finds_labels_that_lost_their_episode(folder, tmp_path):
    assert episodes("label", folder / "two.mcap", "--note", "x") == 0
    (folder / "two.mcap").unlink()
    assert answer(tmp_path, "verify", folder, code=1)["labels_without_episode"] == [str(folder / "two.labels.jsonl")]


def test_the_history_is_shown_when_nothing_is_said(folder, tmp_path, capsys):
    assert episodes("label", folder, "--text", "red on blue", "--by", "Ada") == 0
    found = answer(tmp_path, "label", folder)
    assert [label["text"] for row in found["rows"] for label in row["labels"]] == ["red on blue"] * 2
    assert "Ada" in capsys.readouterr().out


def test_what_is_no_episode_is_not_labelled(folder):
    path = folder / "two.mcap"
    path.write_bytes(path.read_bytes()[:-50])
    assert episodes("label", folder, "--verdict", "fail") == 2
    assert not list(folder.glob("*.jsonl"))


def test_trash_moves_with_a_reason_and_back(folder):
    assert episodes("trash", folder / "two.mcap") == 2 and (folder / "two.mcap").exists()
    assert episodes("trash", folder, "--reason", "x") == 2
    assert episodes("trash", folder / "two.mcap", folder / "absent.mcap", "--reason", "x") == 2
    assert (folder / "two.mcap").exists() and in_trash(folder) == []
    assert episodes("trash", folder / "two.mcap", "--reason", "bumped") == 0
    assert not (folder / "two.mcap").exists() and len(in_trash(folder)) == 1
    assert episodes("trash", folder / "two.mcap", "--restore") == 0
    assert (folder / "two.mcap").exists() and in_trash(folder) == []


def test_repair_saves_what_a_killed_recorder_left_and_what_was_cut(folder, tmp_path, capsys):
    with EpisodeWriter(folder, "killed", ROBOT, OPERATED) as writer:
        for step in range(5):
            writer.add(step, observation(step), label(step), label(step), tick={"source": "human"})
            writer.file.flush()
        writer.file.leave()
    whole, cut = folder / "one.mcap", folder / "two.mcap"
    before = whole.read_bytes()
    cut.write_bytes(cut.read_bytes()[:-50])
    found = answer(tmp_path, "repair", folder)
    assert (found["repaired"], found["failed"]) == (2, 0) and whole.read_bytes() == before
    assert [(row["steps"], row["problems"]) for row in found["rows"]] == [(5, []), (4, [])]
    assert answer(tmp_path, "verify", folder)["episodes"] == 3 and "2 repaired, 0 not" in capsys.readouterr().out
    assert answer(tmp_path, "repair", folder)["rows"] == []


def test_repair_tells_what_it_could_not_save(folder, tmp_path):
    cut = folder / "two.mcap"
    cut.write_bytes(cut.read_bytes()[:40])
    (row,) = answer(tmp_path, "repair", folder, code=1)["rows"]
    assert "no whole step" in row["error"] and cut.stat().st_size == 40


def test_stats_are_of_all_together_and_of_each(folder, tmp_path, capsys):
    found = answer(tmp_path, "stats", folder)
    assert (found["episodes"], found["steps"], found["rate_hz"]) == (2, 16, 20.0)
    assert [one["steps"] for one in found["each"]] == [12, 4] and found["sources"] == {"expert": 12, "human": 4}
    shown = capsys.readouterr().out
    assert "between steps" in shown and "executed" in shown and "in command: expert 12, human 4" in shown


@pytest.mark.parametrize("verb", ["ls", "verify", "stats", "label"])
@pytest.mark.parametrize("place", ["absent", "empty"])
def test_no_episodes_is_one_line_and_exit_2(tmp_path, verb, place, capsys):
    (tmp_path / "empty").mkdir()
    assert episodes(verb, tmp_path / place) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1 and "expected" in said


def test_export_says_what_it_left_out_and_refuses_a_place_that_is_taken(folder, tmp_path, capsys):
    pytest.importorskip("h5py", reason="the extra `hdf5` is not installed")
    out = ("export", folder, "--format", "hdf5", "--out", tmp_path / "x.hdf5")
    found = answer(tmp_path, *out)
    assert (found["episodes"], found["steps"]) == (1, 12) and list(found["left_out"].values()) == ["a failure"]
    assert "two.mcap: a failure" in capsys.readouterr().out and (tmp_path / "x.hdf5").exists()
    assert episodes(*out) == 2 and "something is there" in capsys.readouterr().err
