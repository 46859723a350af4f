"""The page in Chromium: it loads without an error, stops the arm, and lets go when it is closed."""

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from std_srvs.srv import Trigger

pytest.importorskip("aiohttp", reason="aiohttp is not installed here (requirements/runtime.txt has it)")

from gato_ros.embodiments import load_embodiment
from gato_ros.nodes.messages.diagnosis import values_of
from gato_ros.nodes.runtime.qos import COMMAND, REPORT
from tests.ros.chromium import Chromium, program
from tests.ros.test_console_node import BUSY_S, HOLD, REST_S, address_of, moving

pytestmark = pytest.mark.skipif(program() is None, reason="no Chromium here (Debian: apt install chromium)")
ROBOT = load_embodiment()
DRAWN = """[...document.querySelectorAll("#pictures canvas:not(.overlay)")].every((canvas) =>
  canvas.getContext("2d").getImageData(0, 0, 9, 9).data.some((value) => value > 0 && value < 255))"""
UP = '[data-motion="up"]'


@pytest.fixture(scope="module")
def page(module_processes, module_probe, tmp_path_factory, timed):
    module_processes.node("sample_robot", "-p", "operator:=false")
    module_processes.node("guard_node", "-p", "start_armed:=true")
    url = address_of(module_processes.node("console_node", "-p", "port:=0", *(() if timed else HOLD)), module_probe)
    commands = module_probe.listen(JointState, ROBOT.wire.arm_command, COMMAND)
    with Chromium(tmp_path_factory.mktemp("chromium")) as browser:
        browser.open(url)
        browser.wait("document.querySelector('#link')?.dataset.state === 'open'", "the connection")
        browser.wait("document.querySelectorAll('#joints .bar').length === 7", "the joints")
        yield browser, module_probe, url, commands


def command_it(browser) -> None:
    """Take command, where this page does not have it: another click would give it up."""
    if browser.value(f"document.querySelector('{UP}').disabled"):
        browser.wait("!document.querySelector('#command').disabled", "the button")
        browser.click("#command")
        browser.wait(f"!document.querySelector('{UP}').disabled", "command")


def test_the_page_shows_the_robot_and_reports_no_error(page):
    browser, *_ = page
    browser.wait("document.querySelector('#guard-state').textContent.startsWith('Guard: ')", "the guard")
    browser.wait(DRAWN, "pictures")
    assert browser.problems == [] and browser.text("#stop") == "STOP"
    assert "no emergency stop" in browser.text("#stop-note")


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1366, 768), (3840, 2160)])
def test_the_stop_is_on_the_screen_and_nothing_is_cut_off(page, width, height):
    browser, *_ = page
    browser.resize(width, height, mobile=width < 500)
    assert browser.value("document.documentElement.scrollWidth <= innerWidth")
    for place in (0, 100_000):
        browser.value(f"scrollTo(0, {place})")
        assert browser.value(
            "(() => { const b = document.querySelector('#stop').getBoundingClientRect();"
            " return b.top >= 0 && b.bottom <= innerHeight && b.left >= 0 && b.right <= innerWidth; })()"
        )
    browser.resize(1400, 900)


def test_a_button_held_by_the_keyboard_moves_until_it_is_let_go(page):
    browser, probe, _, commands = page
    command_it(browser)
    browser.value(f"document.querySelector('{UP}').focus()")

    def press() -> None:
        # On a busy machine a press may end before the arm moves: a person would press again.
        if browser.value(f"document.querySelector('{UP}').getAttribute('aria-pressed') === 'false'"):
            browser.key("keyUp", " ", 32)
            browser.key("keyDown", " ", 32)

    probe.wait(lambda: moving(commands), "the arm to move", meanwhile=press)
    browser.key("keyUp", " ", 32)
    probe.wait(lambda: not moving(commands), "the arm to stand")


def test_escape_stops_the_arm(page):
    browser, probe, *_ = page
    command_it(browser)
    guard = probe.listen(DiagnosticStatus, "guard_node/status", REPORT)
    browser.key("keyDown", "Escape", 27)
    probe.wait(lambda: guard and "emergency_stop" in values_of(guard[-1][1])["reasons"], "the stop")
    browser.wait("document.querySelector('#guard-says').textContent.includes('emergency stop')", "the words")
    browser.click('[data-verb="release_stop"]')
    browser.wait("document.querySelector('#said').textContent.startsWith('Release the stop: done')", "the release")
    reset = lambda: browser.click('[data-verb="reset"]')
    # A guard refuses while joint states are late, as on a busy machine.
    probe.wait(lambda: guard[-1][1].message != "latched", "the guard to be armed", meanwhile=reset, every_s=1.0)


def test_a_page_that_is_closed_lets_go(page):
    browser, probe, _, commands = page
    command_it(browser)

    def press() -> None:
        if browser.value(f"document.querySelector('{UP}').getAttribute('aria-pressed') === 'false'"):
            browser.mouse("mouseReleased", UP)
            browser.mouse("mousePressed", UP)

    probe.wait(lambda: moving(commands), "the arm to move", meanwhile=press)
    browser.open("about:blank")
    probe.wait(lambda: not moving(commands), "the arm to stand")
    before = len(commands)
    probe.wait(lambda: len(commands) > before + 20, "the guard to go on")
    assert not any(np.abs(command[1].velocity).max() > 1e-3 for command in commands[before:])


def test_recording_and_a_question_go_out_and_the_answers_are_shown(page):
    browser, probe, url, _ = page
    browser.open(url)
    browser.wait("document.querySelector('#link')?.dataset.state === 'open'", "the connection")
    calls, answers = [], probe.node.create_publisher(String, "policy_node/answer", REPORT)
    asked = probe.listen(String, "policy_node/ask", REPORT)

    def serve(request, response):
        calls.append("start")
        response.success, response.message = True, "teleop_1"
        return response

    probe.node.create_service(Trigger, "recorder_node/start", serve)
    command_it(browser)
    there = [
        """document.querySelector('[data-verb="record_start"]').disabled""",
        "document.querySelector('#ask-send').disabled",
    ]
    probe.wait(lambda: not any(map(browser.value, there)), "a recorder and a policy")
    browser.click('[data-verb="record_start"]')
    probe.wait(lambda: browser.text("#said") == "Start: done, teleop_1", "the answer of the recorder")
    assert calls == ["start"]
    browser.value("document.querySelector('#ask-text').value = 'what do you see?'")
    browser.click("#ask-send")
    probe.wait(lambda: asked and asked[-1][1].data == "what do you see?", "the question")
    probe.wait(lambda: answers.get_subscription_count(), "somebody for the answer")
    answers.publish(String(data="a red cube"))
    probe.wait(lambda: browser.text("#answer") == "a red cube", "the answer")
    assert browser.problems == []


def test_a_browser_that_freezes_while_a_button_is_held_lets_go(page, timed):
    """The worst loss of a connection: it stays open, and nothing comes."""
    browser, probe, url, commands = page
    browser.open(url)
    browser.wait("document.querySelector('#link')?.dataset.state === 'open'", "the connection")
    command_it(browser)

    def press() -> None:
        if browser.value(f"document.querySelector('{UP}').getAttribute('aria-pressed') === 'false'"):
            browser.mouse("mouseReleased", UP)
            browser.mouse("mousePressed", UP)

    probe.wait(lambda: moving(commands), "the arm to move", meanwhile=press)
    try:
        frozen_s = browser.freeze()
        probe.wait(lambda: not moving(commands), "the arm to stand", every_s=0.01)
        last_motion_s = max(one.sent_s for one in commands[-500:] if moving([one]))
        print(f"the last command to move {1e3 * (last_motion_s - frozen_s):.0f} ms after the freeze")
        assert last_motion_s - frozen_s < (REST_S if timed else BUSY_S)
    finally:
        browser.thaw()
    browser.mouse("mouseReleased", UP)
