"""Incidents are written beside the work, a bounded number of them, and never the last of a disk."""

import threading
import time

import pytest

from gato_ros.data import messages
from gato_ros.data.incidents import store as incident_store
from gato_ros.data.incidents.incident import Topic, read_incident
from gato_ros.data.incidents.message_ring import Kept
from gato_ros.data.incidents.store import IncidentStore, StoreSettings

TOPICS = {"/a": Topic("/a", messages.JOINT_STATE, "joints")}


def kept(stamp_ns=1):
    return [Kept(0.0, stamp_ns + i, "/a", bytes(messages.joint_state(["j"], i, [float(i)]))) for i in (2, 0, 1)]


@pytest.fixture
def store(tmp_path):
    opened = IncidentStore(StoreSettings(tmp_path / "incidents", 2, 0, niceness=5), TOPICS)
    yield opened
    opened.close(5.0)


def wait(done):
    end_s = time.monotonic() + 60.0
    while not done():
        assert time.monotonic() < end_s
        time.sleep(0.005)


def test_the_bound_per_hour_holds_for_latches_and_not_for_people(store, tmp_path):
    for number in (1, 2):
        assert store.offer("stale_state", kept(), {}, now_s=float(number)) is None
        wait(lambda number=number: store.counts.written == number)
    assert "within an hour" in store.offer("stale_state", kept(), {}, now_s=3.0)
    assert store.offer("requested", kept(), {}, now_s=4.0, requested=True) is None
    wait(lambda: store.counts.written == 3)
    assert store.offer("stale_state", kept(), {}, now_s=3602.5) is None  # the first two are more than an hour ago
    wait(lambda: store.counts.written == 4)
    assert store.counts.refused == 1 and str(store.counts.last_path) in map(str, (tmp_path / "incidents").glob("*"))


def test_messages_lie_in_the_order_of_their_receipt_and_the_name_is_plain(store):
    store.offer("callback_failed: OSError('../../x')", kept(), {"robot": "r"}, now_s=0.0)
    wait(lambda: store.counts.written)
    path = store.counts.last_path
    assert path.endswith("Z_callback_failed.mcap")
    incident = read_incident(path)
    assert incident.about["reason"] == "callback_failed: OSError('../../x')" and incident.about["robot"] == "r"
    assert incident.of("joints")[0].stamps_ns == [1, 2, 3]


def test_a_disk_that_would_be_full_is_left_alone(tmp_path):
    store = IncidentStore(StoreSettings(tmp_path / "incidents", 2, 2**62), TOPICS)
    assert "MiB free on the disk" in store.offer("x", kept(), {}, now_s=0.0, requested=True)
    store.close(5.0)
    assert store.counts.refused == 1 and not list(tmp_path.rglob("*.mcap"))


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    store = IncidentStore(StoreSettings(tmp_path / "file" / "incidents", 2, 0), TOPICS)
    assert "Not a directory" in store.offer("x", kept(), {}, now_s=0.0)
    store.close(5.0)


def test_one_that_fails_is_counted_and_the_next_is_written(store):
    unknown = [Kept(0.0, 0, "/other", b"")]
    assert store.offer("x", unknown, {}, now_s=0.0) is None
    wait(lambda: store.counts.failed == 1)
    assert "not written" in store.counts.last
    store.offer("y", kept(), {}, now_s=1.0)
    wait(lambda: store.counts.written == 1)


def test_no_more_than_two_rings_are_held(store, monkeypatch):
    slow, write = threading.Event(), incident_store.write_incident
    monkeypatch.setattr(incident_store, "write_incident", lambda *given: (slow.wait(20.0), write(*given))[1])
    store.offer("one", kept(), {}, now_s=0.0, requested=True)
    wait(lambda: store._waiting.empty())  # it is being written
    assert store.offer("two", kept(), {}, now_s=0.0, requested=True) is None
    assert "waits already" in store.offer("three", kept(), {}, now_s=0.0, requested=True)
    slow.set()
    wait(lambda: store.counts.written == 2)


def test_closing_finishes_what_waits(tmp_path):
    store = IncidentStore(StoreSettings(tmp_path, 5, 0), TOPICS)
    for _ in range(2):
        store.offer("x", kept(), {}, now_s=0.0)
        time.sleep(0.002)
    store.close(20.0)
    assert len(list(tmp_path.glob("*.mcap"))) == store.counts.written >= 1
    assert store.counts.written + store.counts.refused == 2
