"""The page over HTTP, and one WebSocket for each browser. A thread of its own; it knows the desk, and no ROS."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading

from aiohttp import web

from gato_ros.core.errors import SetupError
from gato_ros.nodes.console.access import COOKIE, ENCLOSED, HEADERS, Access
from gato_ros.nodes.console.desk import Desk
from gato_ros.nodes.console.page_files import page_files
from gato_ros.nodes.console.request import LONGEST
from gato_ros.nodes.console.sessions import Sessions
from gato_ros.nodes.console.visit import Visit

HEARTBEAT_S = 5.0
"""A browser that answers no ping for so long is gone [s]; a held button ends much earlier."""
COOKIE_S = 12 * 3600
CLOSE_LIMIT_S = 2.0


def listening_socket(address: str, port: int) -> socket.socket:
    """A socket that listens there; port 0 is any free one.

    Raises:
        SetupError: the address is not this machine's, or the port is in use.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((address, port))
        made.listen(16)
    except (OSError, OverflowError) as error:
        made.close()
        raise SetupError(
            expected=f"a free port {port} at {address} for console_node",
            got=str(error),
            fix="set another `port`, 0 for any free one, or an `address` that this machine has",
        ) from None
    return made


class Server:
    """Serves from `start` to `close`.

    Args:
        listening: where; the port in `access` is its port.
        context: TLS where `access` asks for it.
        picture_s: between two pictures of one camera [s].
    """

    def __init__(
        self,
        desk: Desk,
        access: Access,
        listening: socket.socket,
        context: ssl.SSLContext | None,
        read_only: bool,
        picture_s: float,
    ):
        self._desk, self._access, self._listening, self._context = desk, access, listening, context
        self._sessions, self._picture_s = Sessions(read_only), picture_s
        self._files = page_files()
        self._visits: dict[int, Visit] = {}
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._end: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="console_server", daemon=True)

    def start(self) -> None:
        """Returns when the page is there."""
        self._thread.start()
        self._ready.wait()

    def close(self) -> None:
        """End the connections and the thread."""
        if self._thread.is_alive() and self._end is not None:
            self._loop.call_soon_threadsafe(self._end.set)
            self._thread.join(CLOSE_LIMIT_S)

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._end = asyncio.Event()
        # A page is read, never sent to: no body is larger than a few words.
        app = web.Application(middlewares=[self._checked], client_max_size=LONGEST)
        app.router.add_get("/", self._page)
        app.router.add_get("/files/{name}", self._file)
        app.router.add_get("/socket", self._socket)
        app.router.add_get(r"/archive/{what:[a-z]{1,20}}/{number:\d{1,9}}/{part:picture|page}", self._archived)
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.5)
        await runner.setup()
        site = web.SockSite(runner, self._listening, ssl_context=self._context)
        await site.start()
        self._ready.set()
        try:
            await self._end.wait()
        finally:
            await runner.cleanup()
            self._desk.archive.close()

    @web.middleware
    async def _checked(self, request: web.Request, handler) -> web.StreamResponse:
        try:
            response = self._refusal(request) or await handler(request)
        except web.HTTPException as refused:
            response = web.Response(status=refused.status, text=f"{refused.status}\n")
        if not response.prepared:
            for name, value in HEADERS.items():
                response.headers.setdefault(name, value)
        return response

    def _refusal(self, request: web.Request) -> web.Response | None:
        """Why this request gets nothing: a Host that is not ours, or no token."""
        if self._access.host_refused(request.headers.get("Host")):
            return web.Response(status=421, text="expected the address that console_node printed\n")
        if self._access.token_refused(request.cookies.get(COOKIE)) and not self._gives_token(request):
            return web.Response(status=403, text="expected the token: open the address that console_node printed\n")
        return None

    def _gives_token(self, request: web.Request) -> bool:
        given = request.query.get("token")
        return request.path == "/" and given is not None and not self._access.token_refused(given)

    async def _page(self, request: web.Request) -> web.StreamResponse:
        if self._access.token and self._gives_token(request):
            # From here on a cookie has it: an address is kept in histories, and shown to whoever looks at the screen.
            answer = web.Response(status=303, headers={"Location": "/"})
            answer.set_cookie(
                COOKIE, self._access.token, max_age=COOKIE_S, httponly=True, secure=True, samesite="Strict"
            )
            return answer
        return self._answer("index.html")

    async def _file(self, request: web.Request) -> web.StreamResponse:
        return self._answer(request.match_info["name"])

    def _answer(self, name: str) -> web.StreamResponse:
        if (file := self._files.get(name)) is None:
            raise web.HTTPNotFound
        return web.Response(body=file.content, content_type=file.content_type, charset="utf-8")

    async def _archived(self, request: web.Request) -> web.StreamResponse:
        """A thumbnail or a page of an entry that was listed; the archive knows its file, and the request its number."""
        what, number, part = (request.match_info[name] for name in ("what", "number", "part"))
        archive = self._desk.archive
        if part == "picture":
            if (picture := archive.picture(what, int(number))) is None:
                raise web.HTTPNotFound
            return web.Response(body=picture, content_type="image/jpeg")
        path = archive.page(what, int(number))
        try:
            content = path and await self._loop.run_in_executor(None, path.read_bytes)
        except OSError:
            content = None
        if not content:
            raise web.HTTPNotFound
        return web.Response(body=content, content_type="text/html", charset="utf-8", headers=ENCLOSED)

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        if self._access.origin_refused(request.headers.get("Origin"), request.headers.get("Host")):
            return web.Response(status=403, text="expected a page of this console\n")
        connection = web.WebSocketResponse(heartbeat=HEARTBEAT_S, max_msg_size=2 * LONGEST, compress=False)
        if not connection.can_prepare(request):
            return web.Response(status=400, text="expected a WebSocket\n")
        if (number := self._sessions.join()) is None:
            return web.Response(status=503, text="too many browsers look already\n")
        try:
            await connection.prepare(request)
        except BaseException:
            self._sessions.leave(number)
            raise
        visit = self._visits[number] = Visit(number, connection, self._desk, self._sessions, self._tell_all)
        hello = {"robot": self._desk.robot, "cameras": self._desk.shelf.cameras, "actions": self._desk.board.actions}
        visit.tell({"kind": "hello", **hello})
        self._tell_all()
        sending = asyncio.ensure_future(visit.send(self._picture_s))
        try:
            await visit.listen()
        finally:
            # First of all: whatever it held ends here.
            del self._visits[number]
            visit.gone()
            sending.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError, RuntimeError):
                await sending
        return connection

    def _tell_all(self) -> None:
        for visit in self._visits.values():
            visit.tell(visit.roles())
