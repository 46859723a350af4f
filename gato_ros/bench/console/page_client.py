"""A browser at the operator's page without a screen: it takes what a page gets, and may hold a button."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading

import aiohttp

HOLD_S = 0.04
"""A page repeats a press so often."""
LIMIT_S = 60.0


class PageClient:
    """One browser at `url`, in its own thread. A context manager; with a `motion` it commands, and holds a button."""

    def __init__(self, url: str, motion: str = ""):
        self._url, self._motion = url.rstrip("/"), motion
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._ready, self.broken = threading.Event(), False
        self.pictures = self._beat = self._press = 0
        self._gripper = False

    def __enter__(self) -> PageClient:
        self._thread.start()
        if not self._ready.wait(LIMIT_S):
            raise TimeoutError(f"no state of {self._url} within {LIMIT_S:.0f} s")
        return self

    def __exit__(self, *exception: object) -> None:
        with contextlib.suppress(RuntimeError):  # it ended with the page
            self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(5.0)

    def _run(self) -> None:
        self._task = self._loop.create_task(self._visit())
        try:
            self._loop.run_until_complete(self._task)
        except (asyncio.CancelledError, aiohttp.ClientError, OSError):
            pass
        finally:
            self.broken = True
            self._loop.close()

    async def _visit(self) -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{self._url}/socket", headers={"Origin": self._url}) as socket,
        ):
            await socket.send_json({"kind": "look", "on": True})
            if not self._motion:
                return await self._receive(socket)
            await socket.send_json({"kind": "take"})
            holding = asyncio.ensure_future(self._hold(socket))
            try:
                await self._receive(socket)
            finally:
                holding.cancel()

    async def _receive(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                self.pictures += 1
                continue
            found = json.loads(message.data)
            self._beat = found.get("beat", self._beat)
            if found["kind"] == "pictures":
                await socket.send_json({"kind": "seen"})
            elif found["kind"] == "state":
                self._gripper = bool(found["gripper"])
                self._ready.set()
            elif found["kind"] == "beat" and found["why"]:
                self._press += 1  # as a person presses again

    async def _hold(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._press = 1
        while True:
            if self._gripper:  # before that nothing moves, as the page says
                said = {"kind": "hold", "press": self._press, "motion": self._motion, "echo": self._beat}
                await socket.send_json(said)
            await asyncio.sleep(HOLD_S)
