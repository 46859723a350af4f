"""The log of a recording's faults: each once, and all of them in the answer at the end."""

import logging

import pytest

from gato_ros.core.check_result import red, yellow
from gato_ros.nodes.recorder.finding_log import FindingLog


@pytest.fixture
def log(caplog):
    caplog.set_level(logging.WARNING)
    return FindingLog(logging.getLogger("recorder"))


def test_a_complaint_with_other_figures_is_logged_once(log, caplog):
    log.begin()
    for late_s in (0.5, 0.7):
        log.add([red("camera: stamps", f"{late_s} s old", "look at the clock", unusable=True)], {})
    log.add([red("camera: stamps", "stand still over 7 messages", "look at the driver")], {})
    assert [record.getMessage().split(";")[0] for record in caplog.records] == [
        "camera: stamps: 0.5 s old",
        "camera: stamps: stand still over 7 messages",
    ]


def test_a_new_episode_logs_again_and_begins_without_faults(log, caplog):
    fault = red("camera", "nobody publishes it", "start the robot", unusable=True)
    log.add([fault], {})
    log.begin()
    assert log.not_recorded({}) == ""
    log.add([fault], {})
    assert len(caplog.records) == 2 and "nobody publishes it" in log.not_recorded({})


def test_the_answer_names_refused_messages_and_no_mere_warning(log, caplog):
    log.add([yellow("camera: rate", "18.0 Hz", "raise the rate")], {"joints": (3, "no joint q1")})
    assert log.not_recorded({"joints": (3, "no joint q1")}) == "joints: 3 messages refused: no joint q1"
    assert [record.getMessage() for record in caplog.records] == [
        "camera: rate: 18.0 Hz; raise the rate",
        "joints: a message is refused: no joint q1",
    ]
