"""A server without ROS: its desk, and whoever feeds it."""

from __future__ import annotations

import json
import threading
import time

import numpy as np

from gato_ros.embodiments import load_embodiment
from gato_ros.nodes.console.access import Access
from gato_ros.nodes.console.archive.archive import Archive
from gato_ros.nodes.console.archive.work import Done
from gato_ros.nodes.console.board import Board
from gato_ros.nodes.console.certificate import make_certificate, server_context
from gato_ros.nodes.console.desk import Desk
from gato_ros.nodes.console.hold import Hold
from gato_ros.nodes.console.picture_shelf import PictureShelf, heat_png
from gato_ros.nodes.console.server import Server, listening_socket
from tests.nodes.console.browser import Browser

ROBOT = load_embodiment()
ANGLES = np.array([0.1371, -0.9177, -0.6417, 1.5575, 0.4264, 1.0745, -0.0847])
VERBS = ("stop", "reset", "ask", "prompt", "policy")
POLICY = {"policy": "mastery", "prompt": "expert_000012.mcap (start, 20 steps)"}
EFFECTS = np.zeros((8, 8), np.float32)
"""What a policy looks at: one place, in the middle."""
EFFECTS[3:5, 3:5] = 1.25
LABELS = [("action", 5), ("token", 5), ("probability", 5), ("entropy_nat", 5), ("logit_margin", 5)]
LABELS += [("context_tokens", 2), ("latency_ms", 4), ("held", 1), ("prompt: none", 0)]
"""Of `policy_node/introspection`."""


class Running:
    """A server and its desk; nobody is behind the desk."""

    def __init__(self, address="127.0.0.1", read_only=False, folder=None, as_network=False, folders=None):
        listening = listening_socket(address, 0)
        port = listening.getsockname()[1]
        # The rules of a network, on a socket that only this machine reaches.
        self.access = Access.of("192.0.2.7" if as_network else address, port)
        self.tls = server_context(*make_certificate(folder, "127.0.0.1")) if as_network else None
        self.desk = Desk(
            ROBOT.name,
            Board(ROBOT),
            PictureShelf(("left",)),
            PictureShelf(("left",), heat_png),
            Hold(0.5, 5.0),
            VERBS,
            Archive(folders or {}),
        )
        self.url = f"{self.access.scheme}://127.0.0.1:{port}"
        self._server = Server(self.desk, self.access, listening, self.tls, read_only, 0.02)
        self._server.start()
        self.close = self._server.close

    def browser(self, **settings) -> Browser:
        return Browser(self.url, tls=False if self.tls else None, **settings)

    def orders(self) -> list[tuple[str, str]]:
        found = []
        while not self.desk.orders.empty():
            order = self.desk.orders.get()
            found.append((order.verb, order.text))
        return found


class Robot:
    """Made-up values on a desk, as a robot at work says them: twenty times a second. Use as a context manager."""

    def __init__(self, desk: Desk):
        self._desk, self._end = desk, threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Robot:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._end.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._end.wait(0.05):
            self._say(self._desk.board, time.monotonic())

    def _say(self, board: Board, now_s: float) -> None:
        board.keep("joints", ANGLES, now_s)
        board.keep("speeds", np.zeros(7), now_s)
        board.keep("gripper", (0.04, 1.0), now_s)
        reasons = "" if now_s % 4.0 < 2.0 else "jerk,workspace"
        guard = {"reasons": reasons, "source": "policy", "off": "", "shadow": "off", "proposal_age_ms": "3.0"}
        board.keep_status("guard_node", "limited" if reasons else "ok", guard, now_s)
        board.keep_status("policy_node", "proposing", POLICY, now_s)
        board.keep_status("recorder_node", "recording", {"episode": "teleop_3", "steps": "412", "last": ""}, now_s)
        probability, entropy = 0.5 + 0.4 * np.sin(now_s + np.arange(5)), 2.0 + np.cos(now_s + np.arange(5))
        data = [*[0.0] * 5, *[1007.0] * 5, *probability, *entropy, *[0.0] * 5, 10.0, 20.0, 1.0, 2.0, 8.0, 0.5, 0.0]
        board.keep_thought(LABELS, data, now_s)
        for topic in board.state(now_s)["topics"]:
            board.saw(topic["topic"], now_s)
        board.keep("available", dict.fromkeys((*self._desk.verbs, "overlay"), True), now_s)
        board.keep_answer("A red cube on a blue cube, and a green one to the left of both.", now_s)
        for camera in self._desk.shelf.cameras:
            self._desk.shelf.put(camera, lambda: np.full((128, 128, 3), 90, np.uint8))
        if self._desk.overlaying:
            for camera in self._desk.overlays.cameras:
                self._desk.overlays.put(camera, lambda: EFFECTS)
            board.keep(f"saliency {next(iter(ROBOT.cameras))}", (now_s - 0.3, 1.25), now_s)


class Verbs:
    """In place of processes: writes what a verb would, and keeps what it was."""

    def __init__(self, content: str = "", said: str = "", rows: dict[str, dict] | None = None):
        self.content, self.said, self.rows, self.asked = content, said, rows or {}, []

    async def run(self, *arguments: str, niceness: int = 0) -> Done:
        self.asked.append(arguments)
        if self.content:
            option = next(one for one in ("--json", "--report", "--out") if one in arguments)
            target = arguments[arguments.index(option) + 1]
            with open(f"{target}/episode.html" if option == "--out" else target, "w") as file:
                file.write(self.content)
        return Done(0 if self.content else 2, self.said)

    async def lines(self, arguments, asked):
        for line in asked:
            yield json.dumps(self.rows.get(json.loads(line)["kind"], {"problem": ""}))
