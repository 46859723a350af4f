"""The page in Chromium without ROS: one screen for the loop, and what axe-core finds, in every view, light and dark."""

import importlib.resources
import importlib.util
import json
from types import SimpleNamespace

import pytest

pytest.importorskip("aiohttp", reason="aiohttp is not installed here (requirements/runtime.txt has it)")

from tests.nodes.console.running import Robot, Running, Verbs
from tests.ros.chromium import Chromium, program

pytestmark = pytest.mark.skipif(program() is None, reason="no Chromium here (Debian: apt install chromium)")
VIEWS = ("loop", "setup", "back")
ROWS = {
    "episodes": {
        "problem": "",
        "seconds": 7.5,
        "steps": 108,
        "success": True,
        "task": "stack it",
        "driver": "Ada",
        "note": "",
    },
    "incidents": {"problem": "not readable (cut short)"},
    "reports": {
        "problem": "",
        "page": False,
        "policy": "better",
        "conditions": [{"name": "plain", "episodes": 4, "successes": 3}],
    },
    "shipped": {"name": "mastery", "problem": "", "contracts": ["sawyer_rgb_stacking"]},
    "weights": {"name": "other", "problem": "", "contracts": ["a", "b", "c", "d"]},
    "prompts": {
        "problem": "",
        "seconds": 7.5,
        "steps": 108,
        "success": True,
        "task": "stack it",
        "driver": "Ada",
        "note": "",
    },
}
FILES = {
    "reports": "result.json",
    "shipped": "mastery/params.safetensors",
    "weights": "other/params.safetensors",
}
FINDINGS = [
    {"level": one, "what": f"the {one} one", "found": "something", "fix": "do it"} for one in ("red", "yellow", "green")
]
SHOWN = {"episodes": "stack it", "incidents": "cut short", "reports": "plain: 3 of 4"}
DESKTOPS = ((1366, 768), (1920, 1080))
MARK = "[...document.querySelectorAll('.bar .place')].map((mark) => getComputedStyle(mark).display)"
FITS = """(() => {
  const page = document.documentElement, parts = [...document.querySelectorAll("#view-loop section, footer")];
  const low = parts.map((one) => one.getBoundingClientRect().bottom);
  return page.scrollHeight <= innerHeight && page.scrollWidth <= innerWidth && Math.max(...low) <= innerHeight;
})()"""
AXE = """axe.run({ resultTypes: ["violations"] }).then((found) => found.violations
  .filter((one) => ["serious", "critical"].includes(one.impact))
  .map((one) => one.id + ": " + one.nodes.slice(0, 3).map((node) => node.html.slice(0, 120)).join(" | ")))"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A page at a robot at work, in command."""
    folders = {name: tmp_path_factory.mktemp(name) for name in ROWS}
    for name, folder in folders.items():
        file = folder / FILES.get(name, "episode.mcap")
        file.parent.mkdir(exist_ok=True)
        file.touch()
    running = Running(folders=folders)
    running.desk.archive._work = Verbs(json.dumps({"ok": False, "findings": FINDINGS}), rows=ROWS)
    with Chromium(tmp_path_factory.mktemp("chromium")) as browser, Robot(running.desk):
        browser.resize(1366, 768)
        browser.open(running.url)
        browser.wait("document.querySelectorAll('#joints .bar').length === 7", "the joints")
        browser.click("#command")
        browser.wait("!document.querySelector('[data-motion]').disabled", "command")
        yield browser, running
    running.close()


def axe() -> str:
    """The source of axe-core."""
    return (importlib.resources.files("axe_core_python") / "axe.min.js").read_text()


@pytest.mark.parametrize(("width", "height"), DESKTOPS)
def test_the_loop_fits_on_one_screen(page, width, height):
    browser, _ = page
    browser.resize(width, height)
    browser.wait("document.querySelector('#reasons').children.length > 0", "reasons")
    assert browser.value(FITS)


@pytest.mark.skipif(
    importlib.util.find_spec("axe_core_python") is None,
    reason="axe-core-python is not installed (requirements/dev.txt)",
)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_nothing_serious(page, view, dark):
    browser, _ = page
    browser.resize(1366, 768, dark)
    browser.click(f'[data-view="{view}"]')
    browser.wait(f"!document.querySelector('#view-{view}').hidden", "the view")
    if view == "setup":
        browser.wait("document.querySelectorAll('#prompt-choice option').length === 2", "the prompts")
        browser.click("#examine")
        browser.wait("document.querySelectorAll('#doctor-rows tr').length === 3", "the doctor's table")
    for kind in ("incidents", "reports", "episodes") if view == "back" else ():
        browser.click(f"[data-kind={kind}]")
        browser.wait(f"document.querySelector('#back-rows .entry')?.textContent.includes('{SHOWN[kind]}')", kind)
    browser.value(axe() + "; 1")
    assert browser.value("document.querySelectorAll('button').length") > 10
    assert browser.value(AXE) == []


HOT = """(() => {
  const { data, width } = document.querySelector(".overlay").getContext("2d").getImageData(0, 0, 8, 8);
  const light = (x, y) => data[4 * (y * width + x)] + data[4 * (y * width + x) + 1] + data[4 * (y * width + x) + 2];
  return width === 8 && light(3, 3) > 300 && light(0, 0) < 10;
})()"""
SAME_PLACE = """(() => {
  const place = (name) => document.querySelector(name).getBoundingClientRect();
  const one = place("#pictures canvas"), other = place(".overlay");
  return ["x", "y", "width", "height"].every((name) => Math.abs(one[name] - other[name]) < 1);
})()"""
COVERED = "[...document.querySelectorAll('.overlay')].some((one) => !one.hidden)"


def test_what_counts_is_laid_over_the_picture_while_somebody_asks(page):
    browser, running = page
    browser.click('[data-view="loop"]')
    assert not running.desk.overlaying and not browser.value(COVERED)
    browser.wait("!document.querySelector('#overlay').disabled", "the button")
    browser.click("#overlay")
    browser.wait(COVERED, "the map")
    assert browser.value(HOT) and browser.value(SAME_PLACE)
    browser.wait("document.querySelector('#overlay-says').textContent.includes('1.25 nat')", "the words")
    for width, height in DESKTOPS:
        browser.resize(width, height)
        assert browser.value(FITS), f"{width} x {height}"
    browser.click("#overlay")
    browser.wait(f"!{COVERED}", "the picture alone")
    assert browser.text("#overlay-says") == ""
    page[0].wait("document.querySelector('#overlay').getAttribute('aria-pressed') === 'false'", "the button")


def test_weights_are_chosen_on_the_page(page):
    browser, running = page
    running.orders()
    browser.click('[data-view="setup"]')
    browser.wait("document.querySelectorAll('#weights-choice option').length === 3", "the weights")
    labels = browser.value("[...document.querySelectorAll('#weights-choice option')].map((one) => one.textContent)")
    assert labels == ["hold: stand still", "mastery", "other (for a, b, c ...)"]
    # What is in use is chosen already.
    browser.wait("document.querySelector('#weights-choice').selectedIndex === 1", "the weights in use")
    browser.wait("!document.querySelector('#weights-send').disabled", "command")
    browser.click("#weights-send")
    browser.wait("document.querySelector('#weights-says').textContent.startsWith('Loading')", "the order")
    order = running.desk.orders.get(timeout=10.0)
    assert (order.verb, order.text) == ("policy", "mastery")
    answer = SimpleNamespace(verb="policy", success=False, word="answered", message="expected other weights")
    order.answer(answer)
    browser.wait("document.querySelector('#weights-says').textContent === 'refused. expected other weights'", "why")


def test_two_browsers_hand_the_command_over(page):
    browser, running = page
    browser.click('[data-view="loop"]')
    with running.browser() as other:
        other.look()
        other.say("take")
        browser.wait("!document.querySelector('#hand-over').hidden", "the question")
        assert other.last("roles")["commander"] != other.last("roles")["you"]
        browser.click("#hand-over")
        other.wait(lambda: other.last("roles")["commander"] == other.last("roles")["you"], "command")
        browser.wait("document.querySelector('[data-motion]').disabled", "to watch")
        running.orders()
        browser.click("#stop")  # who watches stops
        assert running.desk.orders.get(timeout=10.0).verb == "stop"
        other.say("give")
        browser.wait("document.querySelector('#command').textContent === 'Take command'", "nobody in command")
    browser.click("#command")
    browser.wait("!document.querySelector('[data-motion]').disabled", "command")


def test_every_view_has_a_button(page):
    browser, _ = page
    assert browser.value("[...document.querySelectorAll('.view')].map((one) => one.id.slice(5))") == list(VIEWS)
    assert browser.value("[...document.querySelectorAll('#views button')].map((one) => one.dataset.view)") == list(
        VIEWS
    )


def test_an_episode_is_shown_in_place(page):
    browser, running = page
    browser.click('[data-view="back"]')
    # A list that comes between press and release would take the button away.
    read = "document.querySelector('#back-says').textContent === ''"
    browser.wait(f"{read} && document.querySelectorAll('#back-rows button.entry').length === 1", "the episode")
    running.desk.archive._work.content = "<title>of the episode</title><script>document.title = 'ran'</script>"
    browser.click("#back-rows button.entry")
    browser.wait("document.querySelectorAll('#frame iframe').length === 1", "the page")
    # The frame is another origin: whatever runs in it does not reach this page.
    browser.wait("document.querySelector('iframe').contentDocument === null", "the enclosed page")
    assert browser.text("#shown-title") == "episode.mcap" and browser.value("document.title") != "ran"


def test_the_page_reported_no_error(page):
    assert page[0].problems == []


def test_a_wrong_token_opens_nothing(tmp_path):
    running = Running(folder=tmp_path, as_network=True)
    (tmp_path / "chromium").mkdir()
    try:
        with Chromium(tmp_path / "chromium") as browser:
            browser.call("Security.setIgnoreCertificateErrors", ignore=True)  # it is signed by itself
            for wrong in ("", "?token=wrong"):
                browser.open(f"{running.url}/{wrong}")
                browser.wait("document.body?.textContent.startsWith('expected the token')", "the refusal")
            browser.open(f"{running.url}/?token={running.access.token}")
            browser.wait("document.querySelector('#link')?.dataset.state === 'open'", "the page")
            # Nobody reads it off the screen, and no script of the page reads it.
            assert browser.value("location.search + document.cookie") == ""
    finally:
        running.close()


@pytest.mark.parametrize(("width", "height"), DESKTOPS)
def test_a_lost_connection_hides_what_is_unknown_and_fits(page, width, height):
    browser, running = page
    browser.click('[data-view="loop"]')
    browser.resize(width, height)
    running.close()
    browser.wait("document.querySelector('#link').dataset.state === 'lost'", "the loss")
    assert not browser.value("document.querySelector('#notice').hidden") and browser.value(FITS)
    assert set(browser.value(MARK)) == {"none"} and browser.text("#guard-state") == "Guard: Unknown"
    assert "ok" not in browser.value(
        "[...document.querySelectorAll('#topics td:last-child')].map((td) => td.textContent)"
    )
