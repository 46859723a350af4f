"""One browser: what it says, and what it gets. In the server's thread."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web

from gato_ros.nodes.console.archive.catalogue import PATTERNS
from gato_ros.nodes.console.desk import Desk, Order
from gato_ros.nodes.console.request import BadRequest, Request, parse
from gato_ros.nodes.console.sessions import Sessions

STATE_S = 0.1
HOLD = "hold"
"""The policy that stands still: no weights."""
OVERLAY = 128
"""Added to a camera's place: what the policy looks at in its picture."""
MOST_BAD = 20
"""A browser that has said so many things that the page does not say is sent away."""


class Visit:
    """Carries out what one browser says, while it is there.

    Args:
        tell_all: makes every browser get the new roles at once.
    """

    def __init__(
        self, number: int, socket: web.WebSocketResponse, desk: Desk, sessions: Sessions, tell_all: Callable[[], None]
    ):
        self.number, self._socket, self._desk, self._sessions = number, socket, desk, sessions
        self._tell_all, self._loop = tell_all, asyncio.get_running_loop()
        self._outbox: asyncio.Queue[dict] = asyncio.Queue(maxsize=100)
        self._wake = asyncio.Event()
        self._seen: dict[str, int] = {}
        self._seen_overlays: dict[str, int] = {}
        self._thought, self._bad = 0, 0
        self._listing: asyncio.Task | None = None
        self._making: asyncio.Task | None = None
        """A page, a verdict or the doctor's table that is being made for this browser: one at a time."""
        self._may_send_pictures = True
        """A browser says when it has shown the last ones: a slow network gets fewer, and never a queue."""

    # --- what it gets ---

    def tell(self, message: dict) -> None:
        """Send this soon; a browser that does not take what it gets loses it."""
        if not self._outbox.full():
            self._outbox.put_nowait(message)
            self._wake.set()

    async def send(self, picture_s: float) -> None:
        """Send what is told, the state and the pictures, until the connection ends."""
        loop, next_state_s, next_picture_s = self._loop, 0.0, 0.0
        while not self._socket.closed:
            looks = self._sessions.looks(self.number)
            due_s = min(next_state_s, next_picture_s) if looks else loop.time() + 3600.0
            if (told := await self._told(max(0.001, due_s - loop.time()))) is not None:
                await self._send(told)
            if told is not None or not looks:
                continue
            if loop.time() >= next_state_s:
                next_state_s = loop.time() + STATE_S
                await self._send(self._state())
            if loop.time() >= next_picture_s:
                next_picture_s = loop.time() + picture_s
                await self._send_pictures()

    async def _told(self, limit_s: float) -> dict | None:
        """What is to be sent next; None after the limit [s]."""
        if self._outbox.empty():
            # Not wait_for: before Python 3.12 that loses a cancellation where something is told at the same moment.
            waiting = asyncio.ensure_future(self._wake.wait())
            try:
                await asyncio.wait({waiting}, timeout=limit_s)
            finally:
                waiting.cancel()
            self._wake.clear()
        return None if self._outbox.empty() else self._outbox.get_nowait()

    async def _send(self, message: dict) -> None:
        await self._socket.send_str(json.dumps(message, allow_nan=False, separators=(",", ":")))

    def _state(self) -> dict:
        now_s = time.monotonic()
        thoughts = self._desk.board.thoughts_after(self._thought, now_s)
        if thoughts:
            self._thought = thoughts[-1]["number"]
        beat = self._desk.hold.beat(now_s)
        return {"kind": "state", "beat": beat, "thoughts": thoughts, **self._desk.board.state(now_s)}

    async def _send_pictures(self) -> None:
        if not self._may_send_pictures:
            return
        # Decoding and encoding take milliseconds, and meanwhile a button may be released.
        new = await self._loop.run_in_executor(None, self._desk.shelf.newer, self._seen)
        if self._sessions.overlays(self.number):
            maps = await self._loop.run_in_executor(None, self._desk.overlays.newer, self._seen_overlays)
            new += [(OVERLAY + place, data) for place, data in maps]
        for place, data in new:
            await self._socket.send_bytes(bytes([place]) + data)
        if new:
            self._may_send_pictures = False
            await self._send({"kind": "pictures"})

    def roles(self) -> dict:
        """Who is who, for this browser."""
        sessions = self._sessions
        return {
            "kind": "roles",
            "you": self.number,
            "commander": sessions.commander,
            "asking": sessions.asking,
            "browsers": sessions.count,
            "read_only": sessions.read_only,
        }

    # --- what it says ---

    async def listen(self) -> None:
        """Carry out what it says, until the connection ends."""
        async for message in self._socket:
            if message.type is WSMsgType.ERROR:
                return
            try:
                self._carry_out(parse(message.data if message.type is WSMsgType.TEXT else None))
            except BadRequest as bad:
                self._bad += 1
                self.tell({"kind": "refused", "verb": "", "why": "bad_request", "message": str(bad)})
                if self._bad >= MOST_BAD:
                    return

    def _carry_out(self, said: Request) -> None:
        desk, sessions, number = self._desk, self._sessions, self.number
        if said.kind == "look":
            if not said.on:
                self._let_go("hidden")
            sessions.look(number, said.on)
            self._see()
            self._may_send_pictures = True
            self._seen.clear()
            self.tell(self.roles())
            desk.wake()
        elif said.kind == "seen":
            self._may_send_pictures = True
        elif said.kind == "overlay":
            sessions.overlay(number, said.on)
            self._seen_overlays.clear()
            self._see()
            desk.wake()
        elif said.kind == "take":
            self._answer_role(sessions.take(number))
        elif said.kind == "give":
            self._let_go("handed_over")
            self._answer_role(sessions.give(number))
        elif said.kind == "hold":
            self._hold(said)
        elif said.kind == "release":
            self._let_go("released")
        elif said.kind in ("list", "open", "compare", "examine"):
            self._read(said)
        else:
            self._order(said.verb, said.text)

    def _see(self) -> None:
        """What the node's thread has to subscribe to."""
        self._desk.looking, self._desk.overlaying = self._sessions.somebody_looks, self._sessions.somebody_overlays

    def _read(self, said: Request) -> None:
        archive = self._desk.archive
        if said.kind in ("list", "open") and said.what not in PATTERNS:
            raise BadRequest(f"expected what in {', '.join(PATTERNS)}")
        if said.kind == "list":
            if self._listing is not None:
                self._listing.cancel()  # it looks at something else now
            listing = self._answer_of(said.kind, archive.list(said.what, self.tell))
            self._listing = asyncio.ensure_future(listing)
            return
        if self._making is not None and not self._making.done():
            return self.tell({"kind": "refused", "verb": said.kind, "why": "reading", "message": ""})
        made: Coroutine[Any, Any, dict]
        if said.kind == "open":
            made = archive.open(said.what, said.number)
        elif said.kind == "compare":
            made = archive.compare(said.number, said.other)
        else:
            made = archive.doctor()
        self._making = asyncio.ensure_future(self._answer_of(said.kind, made))

    async def _answer_of(self, verb: str, made: Coroutine[Any, Any, dict | None]) -> None:
        try:
            if (answer := await made) is not None:
                self.tell(answer)
        except Exception as error:  # a browser that waits has to hear of it, and the loop of the page goes on
            why = f"{type(error).__name__}: {error}"
            self.tell({"kind": "refused", "verb": verb, "why": "not_read", "message": why})

    def _let_go(self, why: str) -> None:
        self._desk.hold.release(self.number, why)
        self._desk.wake()

    def _answer_role(self, word: str) -> None:
        self._desk.commanded = self._sessions.commander is not None
        self._desk.wake()
        if word in ("read_only", "not_yours"):
            self.tell({"kind": "refused", "verb": "command", "why": word, "message": ""})
        self._tell_all()

    def _hold(self, said: Request) -> None:
        if why := self._sessions.refusal(self.number, "hold"):
            return self.tell({"kind": "refused", "verb": "hold", "why": why, "message": ""})
        now_s = time.monotonic()
        why = self._desk.hold.press(self.number, said.press, said.motion, said.echo, now_s)
        self._desk.wake()
        self.tell({"kind": "beat", "beat": self._desk.hold.beat(now_s), "press": said.press, "why": why})

    def _order(self, verb: str, text: str) -> None:
        if verb not in self._desk.verbs:
            raise BadRequest(f"expected a verb in {', '.join(self._desk.verbs)}")
        if why := self._sessions.refusal(self.number, verb):
            return self.tell({"kind": "refused", "verb": verb, "why": why, "message": ""})
        if verb == "stop":
            self._desk.hold.stop()
        if verb == "prompt" and text:
            text = self._prompt(text)
        if verb == "policy":
            text = self._weights(text)
        self._desk.orders.put(Order(verb, text, self._answer_from_the_node))
        self._desk.wake()

    def _numbered(self, kind: str, number: str) -> Path | None:
        """The file of a listed entry: a browser names its number."""
        return self._desk.archive.path(kind, int(number)) if number.isascii() and number.isdecimal() else None

    def _prompt(self, number: str) -> str:
        if (path := self._numbered("prompts", number)) is None:
            raise BadRequest("expected the number of a listed prompt")
        return str(path)

    def _weights(self, number: str) -> str:
        """What policy_node calls these weights: the name of shipped ones, a folder, or `hold`."""
        if number == HOLD:
            return number
        if (shipped := self._numbered("shipped", number)) is not None:
            return shipped.parent.name
        if (path := self._numbered("weights", number)) is None:
            raise BadRequest("expected the number of listed weights, or hold")
        return str(path.parent)

    def _answer_from_the_node(self, answer: Any) -> None:
        """In the node's thread."""
        message = {
            "kind": "answer",
            "verb": answer.verb,
            "success": answer.success,
            "word": answer.word,
            "message": answer.message,
        }
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.tell, message)

    def gone(self) -> None:
        """The connection ended: let go of everything."""
        for task in (self._listing, self._making):
            if task is not None:
                task.cancel()
        self._let_go("gone")
        self._sessions.leave(self.number)
        self._see()
        self._desk.commanded = self._sessions.commander is not None
        self._desk.wake()
        self._tell_all()
