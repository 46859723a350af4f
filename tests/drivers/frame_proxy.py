"""A network between the driver and the agent that can be made to lie."""

import select
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

from gato_ros.drivers.sawyer_agent.frames import Frame, FrameReader, encode
from gato_ros.drivers.sawyer_agent.tls import AGENT, DRIVER, context, received

Alter = Callable[[Frame, bytes], list[tuple[float, bytes]]]


def as_it_is(frame: Frame, data: bytes) -> list[tuple[float, bytes]]:
    """One frame of the driver's and its bytes -> what goes on to the agent: delay [s] and bytes, some or none."""
    return [(0.0, data)]


class FrameProxy:
    """Passes bytes on from `port` to `target`; `alter` sees every frame to the agent. A context manager.

    It holds the keys of both sides: nobody else could stand between them.
    """

    def __init__(self, target: int, keys: Path):
        self.alter: Alter = as_it_is
        self._to_driver, self._to_agent = context(keys / AGENT, AGENT), context(keys / DRIVER, DRIVER)
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._wake, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="frame_proxy", daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self._wake.close()
        self._thread.join()
        self._woken.close()
        self._listener.close()

    def _run(self) -> None:
        while True:
            if self._woken in select.select([self._listener, self._woken], [], [])[0]:
                return
            driver, _ = self._listener.accept()
            try:
                agent = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                driver.close()
                continue
            for side in (driver, agent):
                side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                driver = self._to_driver.wrap_socket(driver, server_side=True)
                agent = self._to_agent.wrap_socket(agent)
                if self._pass_on(driver, agent):
                    return
            except OSError:
                pass
            finally:
                driver.close()
                agent.close()

    def _pass_on(self, driver: socket.socket, agent: socket.socket) -> bool:
        """Until one side ends; true when the proxy itself has to."""
        reader, waiting = FrameReader(), []
        while True:
            soonest_s = min((due_s for due_s, _ in waiting), default=time.monotonic() + 1.0)
            ready, _, _ = select.select([driver, agent, self._woken], [], [], max(0.0, soonest_s - time.monotonic()))
            if self._woken in ready:
                return True
            if driver in ready:
                if not (data := received(driver)):
                    return False
                now_s = time.monotonic()
                for frame in reader.feed(data):
                    waiting += [(now_s + delay_s, piece) for delay_s, piece in self.alter(frame, encode(frame))]
            for item in [item for item in waiting if item[0] <= time.monotonic()]:
                waiting.remove(item)
                agent.sendall(item[1])
            if agent in ready:
                if not (data := received(agent)):
                    return False
                driver.sendall(data)
