import json
import threading

import pytest

from gato_ros.data.episodes.label import History, add_label, labels_path, orphans, read_labels
from tests.data.recordings import write


def test_the_latest_counts_and_the_history_and_the_recording_stay(tmp_path):
    path = write(tmp_path)
    before = path.read_bytes()
    assert read_labels(path) == History() and read_labels(path).success(True) is True
    add_label(path, verdict="success", by="Ada")
    add_label(path, text="rot auf blau", note="der Würfel\u2028 rutscht", by="Ben")
    add_label(path, verdict="fail", by="Cid")
    history = read_labels(path)
    assert [label.by for label in history.labels] == ["Ada", "Ben", "Cid"] and history.problems == ()
    assert history.success(True) is False
    assert (history.latest("text"), history.latest("note")) == ("rot auf blau", "der Würfel\u2028 rutscht")
    add_label(path, verdict="unknown")
    assert read_labels(path).success(True) is None and len(read_labels(path).labels) == 4
    assert path.read_bytes() == before
    lines = labels_path(path).read_text(encoding="utf-8").split("\n")
    assert [json.loads(line)["by"] for line in lines[:3]] == ["Ada", "Ben", "Cid"]


def test_a_cut_line_is_reported_and_costs_no_other(tmp_path):
    path = write(tmp_path)
    add_label(path, verdict="fail", by="Ada")
    whole = labels_path(path).read_bytes()
    labels_path(path).write_bytes(whole + whole[:20])
    add_label(path, note="after the crash", by="Ada")
    history = read_labels(path)
    assert [label.verdict for label in history.labels] == ["fail", None] and len(history.problems) == 1
    assert history.problems[0].startswith("label 2 is not readable")


@pytest.mark.parametrize(
    "line", ['{"at": "x", "by": "y", "verdict": "good"}', '{"at": "x"}', '{"by": 1, "nod": 2}', "[]"]
)
def test_an_unknown_line_is_reported(tmp_path, line):
    path = write(tmp_path)
    labels_path(path).write_text(line + "\n")
    assert read_labels(path).labels == () and len(read_labels(path).problems) == 1


def test_nothing_said_is_refused(tmp_path):
    with pytest.raises(ValueError, match="says something"):
        add_label(write(tmp_path))
    assert not labels_path(tmp_path / "one.mcap").exists()


def test_two_who_label_at_once_do_not_tear_each_others_lines(tmp_path):
    path = write(tmp_path)
    writers = [
        threading.Thread(target=lambda name=name: [add_label(path, note=name * 50, by=name) for _ in range(20)])
        for name in "abcd"
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    history = read_labels(path)
    assert len(history.labels) == 80 and history.problems == ()


def test_labels_without_an_episode_are_found(tmp_path):
    path = write(tmp_path)
    add_label(path, note="x")
    assert orphans(tmp_path) == []
    path.rename(tmp_path / "other.mcap")
    assert orphans(tmp_path) == [labels_path(path)]
