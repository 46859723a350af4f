"""console_node: one page for the operator: what the robot sees, what the policy is about to do, and a stop.

It subscribes and calls like anybody else, only while somebody looks. Nobody waits for it.
"""

from __future__ import annotations

import os
import queue
import sys
import tempfile
import time
from pathlib import Path

from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

from gato_ros.core.errors import SetupError
from gato_ros.data.incidents.store import default_folder
from gato_ros.embodiments import load_embodiment
from gato_ros.models.shipped import SHIPPED
from gato_ros.nodes.console.access import Access, checked_address
from gato_ros.nodes.console.archive.archive import Archive
from gato_ros.nodes.console.board import Board
from gato_ros.nodes.console.calls import VERBS, Calls
from gato_ros.nodes.console.certificate import fingerprint, make_certificate, server_context
from gato_ros.nodes.console.desk import Desk
from gato_ros.nodes.console.hold import Hold
from gato_ros.nodes.console.human_output import HumanOutput
from gato_ros.nodes.console.loop_topics import LoopTopics
from gato_ros.nodes.console.picture_shelf import PictureShelf, heat_png
from gato_ros.nodes.runtime.parameters import ConsoleParameters
from gato_ros.nodes.runtime.process import Stop, run_node

NAME = "console_node"
IDLE_S, LOOKING_S, MOVING_S = 0.5, 0.05, 0.01
"""Between two looks at the topics: with nobody looking, with somebody, with a button held."""
SERVICES_S = 1.0
NICENESS = 10
"""Where processor time is short, the loop comes first: a button that is heard late ends by itself."""
SLOWEST_S = 0.3
"""Older words of a browser do not hold an arm [s]."""


class ConsoleNode:
    """The node's thread: topics onto the board, orders to services, held buttons to the guard."""

    def __init__(self, node: Node, parameters: ConsoleParameters):
        self._node = node
        robot = load_embodiment(parameters.embodiment)
        cameras = tuple(robot.cameras)
        self._board, shelf, overlays = Board(robot), PictureShelf(cameras), PictureShelf(cameras, heat_png)
        hold = Hold(parameters.hold_timeout_s, SLOWEST_S)
        self._topics = LoopTopics(node, robot, self._board, shelf, overlays)
        self._calls = Calls(node)
        self._output = HumanOutput(node, robot, self._board, hold, parameters.speed_scale, parameters.ramp_s)
        condition = node.create_guard_condition(lambda: None)
        archive = Archive(
            _folders(parameters), ("--namespace", node.get_namespace(), "--embodiment", parameters.embodiment)
        )
        self._desk = Desk(robot.name, self._board, shelf, overlays, hold, VERBS, archive, condition.trigger)
        self._services_s = 0.0
        self._server = self._make_server(parameters)

    def _make_server(self, parameters: ConsoleParameters):  # noqa: ANN202  (imported here: the server is an extra)
        try:
            from gato_ros.nodes.console.server import Server, listening_socket
        except ModuleNotFoundError as missing:
            if (missing.name or "").partition(".")[0] != "aiohttp":
                raise
            raise SetupError(
                expected="the package aiohttp for console_node", got="none", fix="pip install 'gato_ros[console]'"
            ) from None
        address = checked_address(parameters.address)
        listening = listening_socket(address, parameters.port)
        access = Access.of(address, listening.getsockname()[1])
        context = None
        if access.secure:
            with tempfile.TemporaryDirectory(prefix="gato_ros_console_") as folder:
                certificate, key = make_certificate(Path(folder), address)
                context = server_context(certificate, key)
                print(f"certificate (SHA-256): {fingerprint(certificate)}", flush=True)
        # Not by the log: it goes to files and to /rosout, and the address may hold the token.
        print(f"console: {access.url}", flush=True)
        if access.token and sys.stdout.isatty():
            _print_code(access.url)
        return Server(self._desk, access, listening, context, parameters.read_only, 1.0 / parameters.picture_rate_hz)

    def _step(self) -> None:
        desk = self._desk
        self._topics.look(desk.looking)
        self._topics.overlay(desk.overlaying)
        self._output.command(desk.commanded)
        if self._output.busy:
            self._output.step()
        while True:
            try:
                order = desk.orders.get_nowait()
            except queue.Empty:
                break
            self._calls.carry_out(order.verb, order.text, order.answer)
        self._topics.listen()
        self._calls.look()
        now_s = time.monotonic()
        if desk.looking and now_s - self._services_s > SERVICES_S:
            self._services_s = now_s
            available = {**self._calls.available(), "overlay": self._topics.offers_overlay()}
            self._board.keep("available", available, now_s)

    def run(self, stop: Stop) -> int:
        executor = SingleThreadedExecutor()
        executor.add_node(self._node)
        self._server.start()
        try:
            while not stop and self._server.alive:
                desk = self._desk
                idle = not (desk.looking or desk.commanded or self._calls.waiting)
                pause_s = MOVING_S if self._output.busy else IDLE_S if idle else LOOKING_S
                executor.spin_once(timeout_sec=pause_s)
                self._step()
        finally:
            self._output.close()
            self._server.close()
        return 0 if stop else 1


def _folders(parameters: ConsoleParameters) -> dict[str, Path | None]:
    """What the page shows of the disk."""
    given = {name: getattr(parameters, name) for name in ("recordings", "reports", "prompts", "policies")}
    found = {name: Path(folder).expanduser().absolute() if folder else None for name, folder in given.items()}
    incidents = Path(parameters.incidents).expanduser().absolute() if parameters.incidents else default_folder()
    shown = {"episodes": found.pop("recordings"), "weights": found.pop("policies"), "incidents": incidents}
    return {**shown, "shipped": SHIPPED, **found}


def _print_code(url: str) -> None:
    """The address for a telephone's camera."""
    try:
        import segno
    except ModuleNotFoundError:
        print("no QR code of the address: pip install segno", flush=True)
        return
    segno.make(url, error="l").terminal(compact=True)
    sys.stdout.flush()


def main() -> int:
    # Before the node is made: on Linux a thread has its own niceness, and the middleware's take that of this one.
    for thread in os.listdir("/proc/self/task") if sys.platform == "linux" else ("0",):
        os.setpriority(os.PRIO_PROCESS, int(thread), max(NICENESS, os.getpriority(os.PRIO_PROCESS, 0)))
    return run_node(NAME, ConsoleParameters, ConsoleNode)


if __name__ == "__main__":
    sys.exit(main())
