"""The page in Chromium without ROS: one screen for the loop, and what axe-core finds, in every view, light and dark."""

import importlib.resources
import importlib.util
import json

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
        (folder / ("result.json" if name == "reports" else "episode.mcap")).touch()
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
