"""What an operator asks of the recorder and of the guard; nothing waits for the answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from std_srvs.srv import SetBool, Trigger

RECORDER = {
    "start": "start",
    "success": "stop_success",
    "fail": "stop_fail",
    "discard": "discard",
    "redo": "redo",
    "mark": "mark",
}
"""Order -> service of recorder_node."""
PATIENCE_S = 3.0
"""An answer that takes longer [s] is said to be missing."""


class OperatorServices:
    """Clients of recorder_node and guard_node.

    Args:
        say: gets one line about every order: what was answered, that nobody answers, or that nobody is there.
    """

    def __init__(self, node: Node, say: Callable[[str], None]):
        self._say, self._full_name = say, node.resolve_service_name
        self._clients: dict[str, tuple[Any, Any]] = {
            order: (node.create_client(Trigger, f"recorder_node/{name}"), Trigger.Request())
            for order, name in RECORDER.items()
        }
        self._clients["reset_guard"] = (node.create_client(Trigger, "guard_node/reset"), Trigger.Request())
        stop = node.create_client(SetBool, "guard_node/emergency_stop")
        self._clients["emergency_stop"] = (stop, SetBool.Request(data=True))
        self._clients["release"] = (stop, SetBool.Request(data=False))
        self._waiting: list[tuple[str, Any, float]] = []

    @property
    def recorder_there(self) -> bool:
        """Whether somebody records, or could."""
        return self._clients["start"][0].service_is_ready()

    def ask(self, order: str) -> None:
        """Call what serves an order."""
        if order == "reset_guard":
            self._call("release")
        self._call(order)

    def _call(self, order: str) -> None:
        client, request = self._clients[order]
        if not client.service_is_ready():
            lost = ", NOTHING IS RECORDED" if order in RECORDER else ""
            return self._say(f"{order}: nobody offers {self._full_name(client.srv_name)}{lost}")
        self._waiting.append((order, client.call_async(request), time.monotonic()))

    def look(self) -> None:
        """Tell what was answered meanwhile."""
        for entry in list(self._waiting):
            order, future, called_s = entry
            if future.done():
                self._waiting.remove(entry)
                answer = future.result()
                self._say(f"{order}: {'' if answer.success else 'REFUSED, '}{answer.message}")
            elif time.monotonic() - called_s > PATIENCE_S:
                self._waiting.remove(entry)
                self._say(f"{order}: no answer for {PATIENCE_S:.0f} s")
