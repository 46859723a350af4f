"""console_node over DDS: what it shows, what a click does, and how a held button ends."""

import os
import re
import signal
import time

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import TwistStamped
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from std_srvs.srv import Trigger

pytest.importorskip("aiohttp", reason="aiohttp is not installed here (requirements/runtime.txt has it)")

from gato_ros.embodiments import load_embodiment
from gato_ros.nodes.console_node import NICENESS
from gato_ros.nodes.messages.diagnosis import values_of
from gato_ros.nodes.runtime.qos import COMMAND, REPORT
from tests.nodes.console.browser import Browser
from tests.ros.faults.test_start_and_graph import doings, permitted

ROBOT = load_embodiment()
CAMERA_TOPIC = f"/sawyer/{next(iter(ROBOT.cameras.values())).topic}"
REST_S = 0.2
"""The bar: so long after the loss of a browser the arm is at rest."""
BUSY_S = 2.0
"""On a machine where others keep the nodes from running."""
HOLD = ("-p", "hold_timeout_s:=0.2")
"""Where others have the processors, words of a browser come late."""


def address_of(process, probe) -> str:
    probe.wait(lambda: "console: " in process.log_path.read_text(), "the address")
    return re.search(r"console: (\S+)", process.log_path.read_text()).group(1)


class Rig:
    """A robot that stands, a guard that is armed, and a console. One subscription each: a busy probe sees the past."""

    def __init__(self, processes, probe, hold):
        processes.node("sample_robot", "-p", "operator:=false")
        processes.node("guard_node", "-p", "start_armed:=true")
        self.console = processes.node("console_node", "-p", "port:=0", *hold)
        self.probe = probe
        self.guard = probe.listen(DiagnosticStatus, "guard_node/status", REPORT)
        self.commands = probe.listen(JointState, ROBOT.wire.arm_command, COMMAND)
        self.human = probe.listen(TwistStamped, ROBOT.wire.human_twist, COMMAND)
        self.url = address_of(self.console, probe)
        probe.wait(lambda: self.guard and self.guard[-1][1].message != "latched", "an armed guard")

    def spin(self) -> None:
        self.probe.spin(0.03)

    @property
    def reasons(self) -> str:
        return values_of(self.guard[-1][1])["reasons"]

    @property
    def moving(self) -> bool:
        """Whether the guard's last command moves a joint."""
        return moving(self.commands)

    def hold(self, browser, motion: str) -> int:
        """Hold a button until the arm moves; the number of the press."""
        press = 0

        def renew() -> None:
            nonlocal press
            # On a busy machine a press may end before the arm moves, or the guard latch: a person would try again.
            if self.guard[-1][1].message == "latched":
                browser.say("do", verb="reset", text="")
            if not press or any(one["press"] == press and one["why"] for one in browser.of("beat")):
                press += 1
            browser.hold(press, motion)

        self.probe.wait(lambda: self.moving, "the arm to move", meanwhile=renew, every_s=0.03)
        return press


def moving(commands) -> bool:
    return bool(commands) and bool(np.abs(np.array(commands[-1][1].velocity)).max() > 1e-3)


@pytest.fixture(scope="module")
def rig(module_processes, module_probe, timed):
    return Rig(module_processes, module_probe, () if timed else HOLD)


def cameras_of(probe) -> bool:
    return any(info.node_name == "console_node" for info in probe.node.get_subscriptions_info_by_topic(CAMERA_TOPIC))


def test_the_page_shows_the_loop_only_while_somebody_looks(rig):
    rig.probe.wait(lambda: not cameras_of(rig.probe), "no camera without anybody")
    with Browser(rig.url) as one:
        one.look()
        whole = lambda state: state["joints"] and state["guard"] and state["tool"] and state["gripper"]
        one.wait(lambda: whole(one.last("state")) and len(one.pictures) >= 4, "the loop", rig.spin)
        state = one.last("state")
        assert [joint["name"] for joint in state["joints"]] == ROBOT.arm.joints
        assert state["gripper"]["opening_m"] == 0.04 and {data[0] for data in one.pictures} == {0, 1}
        one.wait(lambda: one.last("state")["available"].get("stop"), "the stop", rig.spin)
        assert not one.last("state")["available"]["record_start"]
        one.say("look", on=False)
        rig.probe.wait(lambda: not cameras_of(rig.probe), "the cameras to be left alone")


def test_every_thread_of_it_gives_way_to_the_loop(rig):
    threads = [int(one) for one in os.listdir(f"/proc/{rig.console.pid}/task")]
    assert len(threads) > 3  # its own, the server's and the middleware's
    least = max(NICENESS, os.getpriority(os.PRIO_PROCESS, 0))
    assert {os.getpriority(os.PRIO_PROCESS, one) for one in threads} == {least}


def test_a_watcher_stops_the_arm_and_only_the_commander_releases_it(rig):
    with Browser(rig.url) as first, Browser(rig.url) as watcher:
        first.look().take()
        watcher.look()
        watcher.say("do", verb="stop", text="")
        rig.probe.wait(lambda: "emergency_stop" in rig.reasons, "the stop")
        watcher.wait(lambda: watcher.of("answer"), "the answer", rig.spin)
        assert watcher.last("answer")["success"] and watcher.last("answer")["message"] == "pressed"
        watcher.say("do", verb="release_stop", text="")
        watcher.wait(lambda: watcher.of("refused"), "the refusal", rig.spin)
        first.say("do", verb="release_stop", text="")
        first.wait(lambda: first.of("answer"), "the answer", rig.spin)
        first.say("do", verb="reset", text="")
        rig.probe.wait(lambda: rig.guard[-1][1].message != "latched", "the reset")


@pytest.mark.parametrize("loss", ["release", "hidden", "silence", "broken"])
def test_a_held_button_moves_and_its_loss_stops(rig, loss, timed):
    with Browser(rig.url) as one:
        one.look().take()
        one.wait(lambda: one.last("state")["gripper"], "the gripper", rig.spin)
        press = rig.hold(one, "forward")
        assert rig.human[-1][1].twist.linear.x > 0.0 and rig.human[-1][1].twist.linear.y == 0.0
        one.hold(press, "forward")
        lost_s = time.monotonic()
        if loss == "broken":
            one.drop()
        elif loss != "silence":
            one.say(**{"release": {"kind": "release"}, "hidden": {"kind": "look", "on": False}}[loss])
        rig.probe.wait(lambda: not rig.moving, "the arm to stand", every_s=0.01)
        last_motion_s = max(one.sent_s for one in rig.commands[-500:] if moving([one]))
        print(f"{loss}: the last command to move {1e3 * (last_motion_s - lost_s):.0f} ms after the loss")
        assert last_motion_s - lost_s < (REST_S if timed else BUSY_S)
        rig.probe.wait(lambda: rig.human[-1][1].twist.linear.x == 0.0, "the explicit standstill")
        count = len(rig.human)
        rig.probe.spin(0.3)
        assert len(rig.human) == count and not rig.moving


def test_a_console_that_is_killed_in_motion_leaves_the_loop_alone(rig, processes):
    killed = processes.node("console_node", "-p", "port:=0", *HOLD, "-r", "__node:=second_console")
    with Browser(address_of(killed, rig.probe)) as one:
        one.look().take()
        one.wait(lambda: one.last("state")["gripper"], "the gripper", rig.spin)
        rig.hold(one, "up")
        os.kill(killed.pid, signal.SIGKILL)
        rig.probe.wait(lambda: not rig.moving, "the arm to stand")
    before = len(rig.commands)
    rig.probe.wait(lambda: len(rig.commands) > before + 20, "the guard to go on")
    assert rig.guard[-1][1].message != "latched"


def test_recording_and_questions_go_to_who_offers_them(rig):
    node, calls, asked = rig.probe.node, [], rig.probe.listen(String, "policy_node/ask", REPORT)
    answers = node.create_publisher(String, "policy_node/answer", REPORT)

    def serve(request, response):
        calls.append("start")
        response.success, response.message = False, "no disk"
        return response

    node.create_service(Trigger, "recorder_node/start", serve)
    with Browser(rig.url) as one:
        one.look().take()
        there = lambda verb: one.last("state")["available"].get(verb)
        one.wait(lambda: there("record_start") and there("ask"), "a recorder and a policy", rig.spin)
        one.say("do", verb="record_start", text="")
        one.wait(lambda: one.of("answer"), "the answer", rig.spin)
        said = one.last("answer")
        assert (said["verb"], said["success"], said["message"], calls) == ("record_start", False, "no disk", ["start"])
        rig.probe.wait(lambda: answers.get_subscription_count(), "somebody for the answer")
        one.say("do", verb="ask", text="what do you see?")
        one.wait(lambda: asked, "the question", rig.spin)
        answers.publish(String(data="a red cube"))
        one.wait(lambda: one.last("state")["answer"], "the answer", rig.spin)
        assert asked[-1][1].data == "what do you see?" and one.last("state")["answer"]["text"] == "a red cube"
        one.say("do", verb="bring_up", text="")
        one.wait(lambda: one.last("answer")["verb"] == "bring_up", "the answer", rig.spin)
        assert one.last("answer")["word"] == "nobody"


def test_the_security_policy_lets_it_do_what_it_does(rig):
    probe = rig.probe
    with Browser(rig.url) as one:
        one.look().take()
        one.say("overlay", on=True)
        wanted = {verb: names - {"/clock"} for verb, names in permitted("console_node").items()}
        try:
            probe.wait(lambda: doings(probe.node, "console_node") == wanted, "the graph", 30.0)
        except AssertionError:
            assert doings(probe.node, "console_node") == wanted


def test_a_port_that_is_in_use_is_one_line(rig, processes):
    port = rig.url.rsplit(":", 1)[1].strip("/")
    second = processes.node("console_node", "-p", f"port:={port}")
    assert second.wait(60.0) == 2
    assert "expected a free port" in second.log_path.read_text().splitlines()[-1]
