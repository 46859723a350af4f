"""What a browser does, without one: requests and a WebSocket that collects what it gets. In a thread of its own."""

from __future__ import annotations

import asyncio
import json
import threading
import time

import aiohttp

LIMIT_S = 60.0


class Browser:
    """One browser at `url`. Use as a context manager; every answer has come when a call returns."""

    def __init__(self, url: str, *, origin: str | None = "", cookies: dict | None = None, tls=None):
        self.url, self._tls, self._cookies = url.rstrip("/"), True if tls is None else tls, cookies
        self._origin = self.url if origin == "" else origin
        self.received: list[dict] = []
        self.pictures: list[bytes] = []
        self.status = 0
        """Of the socket's refusal; 101 where it was opened."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._reading: asyncio.Task | None = None

    def __enter__(self) -> Browser:
        self._thread.start()
        self._run(self._begin())
        return self

    def __exit__(self, *exception: object) -> None:
        self._run(self._finish())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(LIMIT_S)

    async def _begin(self) -> None:
        jar = aiohttp.CookieJar(unsafe=True)
        self._session = aiohttp.ClientSession(cookie_jar=jar, cookies=self._cookies)

    async def _finish(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
        await self._session.close()

    async def _get(self, path: str, headers: dict, follow: bool):
        async with self._session.get(self.url + path, headers=headers, ssl=self._tls, allow_redirects=follow) as answer:
            return answer.status, dict(answer.headers), await answer.read()

    def get(self, path: str, follow: bool = False, **headers: str) -> tuple[int, dict, str]:
        """Status, headers and text."""
        status, found, content = self.get_bytes(path, follow, **headers)
        return status, found, content.decode()

    def get_bytes(self, path: str, follow: bool = False, **headers: str) -> tuple[int, dict, bytes]:
        """Status, headers and content."""
        return self._run(self._get(path, headers, follow))

    async def _open(self) -> None:
        headers = {} if self._origin is None else {"Origin": self._origin}
        try:
            self._socket = await self._session.ws_connect(f"{self.url}/socket", headers=headers, ssl=self._tls)
            self.status = 101
        except aiohttp.WSServerHandshakeError as refused:
            self.status = refused.status
            return
        self._reading = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        async for message in self._socket:
            if message.type is aiohttp.WSMsgType.BINARY:
                self.pictures.append(message.data)
                continue
            found = json.loads(message.data)
            self.received.append(found)
            if found["kind"] == "pictures":
                await self._socket.send_json({"kind": "seen"})

    def open(self) -> Browser:
        """Open the socket, or keep the status of the refusal."""
        self._run(self._open())
        return self

    @property
    def closed(self) -> bool:
        return self._socket is None or self._socket.closed

    def say(self, kind: str, **parts: object) -> None:
        """One word."""
        self.say_text(json.dumps({"kind": kind, **parts}))

    def say_text(self, text: str) -> None:
        """Anything."""
        self._run(self._socket.send_str(text))

    def say_bytes(self, data: bytes) -> None:
        """Anything, as bytes."""
        self._run(self._socket.send_bytes(data))

    def drop(self) -> None:
        """The connection breaks: nothing is said any more, not even that it ends."""
        self._loop.call_soon_threadsafe(self._socket._response.connection.transport.abort)

    def of(self, kind: str) -> list[dict]:
        """All of this kind that came."""
        return [one for one in list(self.received) if one["kind"] == kind]

    def last(self, kind: str) -> dict:
        """The last one."""
        return self.of(kind)[-1]

    @property
    def beat(self) -> int:
        """The newest beat."""
        return next((one["beat"] for one in reversed(list(self.received)) if "beat" in one), 0)

    def wait(self, done, what: str, meanwhile=lambda: time.sleep(0.01)) -> None:
        """Until `done()`."""
        end_s = time.monotonic() + LIMIT_S
        while not done():
            assert time.monotonic() < end_s, f"waited {LIMIT_S} s for {what}; got {self.received[-3:]}"
            meanwhile()

    def look(self) -> Browser:
        """Open the socket and look; returns when the first state is there."""
        self.open()
        self.say("look", on=True)
        self.wait(lambda: self.of("state") and self.of("roles"), "the state")
        return self

    def take(self) -> Browser:
        """Take command."""
        self.say("take")
        self.wait(lambda: self.last("roles")["commander"] == self.last("roles")["you"], "command")
        return self

    def hold(self, press: int, motion: str) -> None:
        """A button is down."""
        self.say("hold", press=press, motion=motion, echo=self.beat)
