"""Chromium without a screen, driven by its own protocol (DevTools) over a WebSocket; no driver program is needed."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import aiohttp

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
)
START_S, WAIT_S = 120.0, 60.0
MIDDLE = """(selector) => {
  const element = document.querySelector(selector);
  element.scrollIntoView({ block: "center" });
  const box = element.getBoundingClientRect();
  return [box.x + box.width / 2, box.y + box.height / 2];
}"""


def program() -> str | None:
    """Chromium's path, where there is one."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Chromium:
    """One browser with one page at a time. Use as a context manager, from one thread."""

    def __init__(self, folder: Path):
        self._folder, self._numbers, self._loop = folder, itertools.count(1), asyncio.new_event_loop()
        self.problems: list[str] = []
        """What the page's console reports as errors."""

    def __enter__(self) -> Chromium:
        found = program()
        assert found is not None
        self._log = open(self._folder / "chromium.log", "wb")
        self._process = subprocess.Popen(
            [found, *FLAGS, f"--user-data-dir={self._folder / 'profile'}", "about:blank"],
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        port_file, end_s = self._folder / "profile/DevToolsActivePort", time.monotonic() + START_S
        while not (port_file.exists() and len(port_file.read_text().splitlines()) == 2):
            assert time.monotonic() < end_s and self._process.poll() is None, "Chromium does not start"
            time.sleep(0.1)
        self._port = int(port_file.read_text().splitlines()[0])
        self._loop.run_until_complete(self._connect())
        return self

    def __exit__(self, *exception: object) -> None:
        self._loop.run_until_complete(self._session.close())
        self._loop.close()
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(10.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    async def _connect(self) -> None:
        self._session = aiohttp.ClientSession()
        async with self._session.get(f"http://127.0.0.1:{self._port}/json/list") as answer:
            pages = [one for one in await answer.json() if one["type"] == "page"]
        self._socket = await self._session.ws_connect(pages[0]["webSocketDebuggerUrl"], max_msg_size=0)
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self._call(f"{domain}.enable")

    async def _call(self, method: str, **parameters: object) -> dict:
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        while True:
            message = json.loads((await asyncio.wait_for(self._socket.receive(), WAIT_S)).data)
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]
            self._keep_problem(message)

    def _keep_problem(self, message: dict) -> None:
        method, found = message.get("method"), message.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.problems.append(json.dumps(found["exceptionDetails"])[:400])
        elif method == "Log.entryAdded" and found["entry"]["level"] == "error":
            self.problems.append(found["entry"]["text"])

    def call(self, method: str, **parameters: object) -> dict:
        """One command of the protocol."""
        return self._loop.run_until_complete(self._call(method, **parameters))

    def open(self, url: str) -> None:
        """Go there."""
        self.call("Page.navigate", url=url)

    def value(self, script: str) -> object:
        """What an expression is worth in the page."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def wait(self, script: str, what: str, limit_s: float = WAIT_S) -> None:
        """Until an expression is true in the page."""
        end_s = time.monotonic() + limit_s
        while not self.value(script):
            assert time.monotonic() < end_s, f"waited {limit_s} s for {what}; errors: {self.problems}"
            time.sleep(0.05)

    def text(self, selector: str) -> str:
        """What an element says."""
        return str(self.value(f"document.querySelector({json.dumps(selector)}).textContent"))

    def click(self, selector: str) -> None:
        """Press and release the left button in the middle of an element."""
        self.mouse("mousePressed", selector)
        self.mouse("mouseReleased", selector)

    def mouse(self, kind: str, selector: str) -> None:
        """One event of the left button in the middle of an element."""
        place = self.value(f"({MIDDLE})({json.dumps(selector)})")
        self.call("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1)

    def key(self, kind: str, key: str, code: int) -> None:
        """`keyDown` or `keyUp` of a key."""
        self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)

    def freeze(self) -> float:
        """Stop all its processes where they are; when, on the steady clock [s]."""
        os.killpg(self._process.pid, signal.SIGSTOP)
        return time.monotonic()

    def thaw(self) -> None:
        """Let them go on."""
        os.killpg(self._process.pid, signal.SIGCONT)

    def resize(self, width: int, height: int, dark: bool = False, scale: float = 1.0, mobile: bool = False) -> None:
        """The screen's size [px], and which colours its owner prefers."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=mobile
        )
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", features=scheme)

    def screenshot(self, path: Path, whole: bool = False) -> None:
        """A PNG of the screen, or of the whole page."""
        found = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(found["data"]))
