"""The operator's page reads a real incident: it is listed with its reason, and its verdict is that of `replay`."""

import pytest

pytest.importorskip("aiohttp", reason="aiohttp is not installed here (requirements/runtime.txt has it)")

from tests.nodes.console.browser import Browser
from tests.ros.test_console_node import address_of
from tests.ros.test_incident_node import Guarded, replay


def test_the_page_lists_and_replays_an_incident_of_the_guard(processes, probe, tmp_path):
    scene = Guarded(processes, probe, tmp_path)
    scene.stop()
    (path, *_) = scene.wait_for(1)
    console = processes.node("console_node", "-p", "port:=0", "-p", f'incidents:="{tmp_path}"')
    with Browser(address_of(console, probe)) as one:
        one.look()
        one.say("list", what="incidents")
        listed = lambda: [found for found in one.of("listing") if found["done"]]
        one.wait(listed, "the list", lambda: probe.spin(0.03))
        (row,) = [row for row in listed()[-1]["rows"] if row["name"] == path.name or row["name"] == path.stem]
        assert row["read"] and "emergency_stop" in str(row)
        one.say("open", what="incidents", number=row["number"])
        one.wait(lambda: one.of("opened"), "the verdict", lambda: probe.spin(0.03))
    opened = one.last("opened")
    assert not opened["problem"] and not opened["page"]
    code, layers = replay(path)
    assert opened["replay"]["ok"] is (code == 0) is True
    # Nobody's weights proposed here: tokens and proposals have nothing to be compared with.
    assert [layer["name"] for layer in opened["replay"]["layers"]] == list(layers) == ["handover", "verdict", "command"]
    verdicts = {layer["name"]: layer for layer in opened["replay"]["layers"]}["verdict"]
    assert verdicts["compared"] == layers["verdict"]["compared"] > 0 and verdicts["different"] == 0
