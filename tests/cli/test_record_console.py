"""The operator's page beside a recording: there where a person drives, and never in the way."""

import importlib.util

import pytest

pytest.importorskip("aiohttp", reason="aiohttp is not installed here (requirements/runtime.txt has it)")
pytest.importorskip("rclpy", reason="no ROS 2 here")

from gato_ros.cli.record import Options, _console_port, _plans

EXPERT, PERSON = Options(teleop="expert"), Options(teleop="keyboard")


def test_a_person_gets_the_page_and_its_address(capsys):
    port = _console_port(PERSON)
    assert f"console: http://127.0.0.1:{port}/" in capsys.readouterr().out


def test_the_expert_and_who_wants_none_get_no_page(capsys):
    assert _console_port(EXPERT) is None and _console_port(Options(console=False)) is None
    assert capsys.readouterr().out == ""


def test_without_its_package_a_recording_goes_on_and_says_so(capsys, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert _console_port(PERSON) is None
    assert "no console: expected the package aiohttp" in capsys.readouterr().out


def test_the_page_may_die_and_shows_what_is_recorded():
    plans = {plan.name: plan for plan in _plans(PERSON, "sawyer", 8099)}
    assert not plans["console_node"].needed and plans["recorder_node"].needed and plans["teleop_node"].needed
    parameters = plans["console_node"].parameters
    assert (parameters["port"], parameters["recordings"]) == (8099, str(PERSON.out.resolve()))
    assert "console_node" not in {plan.name for plan in _plans(EXPERT, "sawyer", None)}
