"""Our side of the Sawyer: one TCP connection to the agent on the robot's ROS 1 side (docs/how-to/drivers.md)."""

from __future__ import annotations

import contextlib
import math
import os
import secrets
import select
import socket
import ssl
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import replace

import numpy as np

from gato_ros.core.driver import GripperSample, JointSample, Now, RobotReport, answered
from gato_ros.core.errors import SetupError
from gato_ros.drivers.sawyer_agent.frames import (
    ARMED,
    BUTTON,
    ENABLE,
    ENABLED,
    GRIPPER,
    HOME,
    REST,
    STOP,
    STOPPED,
    VELOCITY_MODE,
    Answer,
    Beat,
    Bye,
    Frame,
    FrameError,
    FrameReader,
    Grip,
    Hello,
    Motion,
    Request,
    State,
    Welcome,
    encode,
)
from gato_ros.drivers.sawyer_agent.tls import DRIVER, KeysError, context, reason, received, shaken
from gato_ros.embodiments import Embodiment

BEAT_S = 0.01
RETRY_S = 0.5
SILENCE_S = 0.5
"""An agent that says nothing for longer is gone."""
GRIP_VALID_S = 0.2
NS = 1_000_000_000


class SawyerDriver:
    """Nothing blocks: what is not here yet is looked for at the next `report`. Everything `RobotDriver` promises holds.

    Deadlines without common time: a command says until when it is valid on the agent's clock, reckoned from the newest
    state. On its way that state has taken some time that is not known, so the deadline is early by as much, never late.
    The age of a state is reckoned in the same way from a time of ours that the agent sends back.
    """

    def __init__(
        self, robot: Embodiment, host: str, port: int, keys: str, insecure: bool = False, now: Now = time.monotonic
    ):
        """
        Args:
            robot: whose joints, stroke and timeout the agent is told.
            host: of the agent.
            port: of the agent.
            keys: folder with driver.key, driver.crt and agent.crt; nothing with `insecure`.
            insecure: no authentication and no encryption.
            now: clock [s].

        Raises:
            SetupError: `host` has no address, there are no usable keys, or both keys and `insecure`.
        """
        self._now, self._names = now, tuple(robot.arm.joints)
        self._hello = Hello(robot.arm.velocity_timeout_s, robot.gripper.stroke_m, self._names)
        self._valid_ns = int(robot.arm.velocity_timeout_s / 2 * NS)
        try:
            self._address = socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_STREAM)[0][4]
        except OSError as error:
            raise SetupError(
                expected="the address of the machine that runs sawyer_agent",
                got=f"{host!r}: {error}",
                fix="set driver_node's parameter host",
            ) from None
        self._tls = None if insecure and not keys else _tls(keys, insecure)
        self._socket: socket.socket | None = None
        self._connecting, self._tried_s, self._said_s, self._received_s = False, -math.inf, -math.inf, -math.inf
        self._state: tuple[float, State] | None = None
        self._requests: dict[int, Future[str]] = {}
        self._number = 0
        self._refused_here, self._report = 0, RobotReport(fault="no connection yet")

    # --- what RobotDriver asks for ---

    def report(self) -> RobotReport:
        self._attend()
        return self._report

    def move(self, velocity: Mapping[str, float]) -> None:
        if velocity.keys() != set(self._names):
            return self._refuse(f"joints {', '.join(sorted(velocity))}")
        if not all(math.isfinite(value) for value in velocity.values()):
            return self._refuse("a velocity is not finite")
        valid_until_ns = self._deadline_ns(self._valid_ns)
        if valid_until_ns is None:
            return self._refuse(self._report.fault)
        self._send(
            Motion(VELOCITY_MODE, valid_until_ns, self._now_ns(), tuple(float(velocity[name]) for name in self._names))
        )

    def rest(self) -> None:
        self._number += 1
        self._send(Request(REST, self._number))

    def grip(self, opening_m: float) -> None:
        valid_until_ns = self._deadline_ns(int(GRIP_VALID_S * NS))
        if not math.isfinite(opening_m):
            self._refuse("the opening is not finite")
        elif valid_until_ns is None:
            self._refuse(self._report.fault)
        else:
            self._send(Grip(valid_until_ns, self._now_ns(), float(opening_m)))

    def enable(self, *, home: bool = False) -> Future[str]:
        self._attend()
        if self._state is None:
            return answered(self._report.fault)
        self._number += 1
        future = self._requests[self._number] = Future()
        self._send(Request(HOME if home else ENABLE, self._number))
        return future

    def stop(self) -> None:
        self._number += 1
        self._send(Request(STOP, self._number))

    def close(self) -> None:
        self.stop()
        self._send(Bye("closed"))
        self._part("closed")

    # --- the connection ---

    def _now_ns(self) -> int:
        return int(self._now() * NS)

    def _refuse(self, why: str) -> None:
        self._refused_here += 1
        self._report = replace(self._report, refused=self._report.refused + 1, last_refusal=why)

    def _deadline_ns(self, valid_ns: int) -> int | None:
        """That long from now on the agent's clock, or earlier; None without a link."""
        if self._state is None:
            return None
        received_s, state = self._state
        return state.now_ns + int((self._now() - received_s) * NS) + valid_ns

    def _send(self, body: tuple) -> None:
        if self._socket is None or self._connecting:
            return
        self._sequence += 1
        data = encode(Frame(self._session, self._sequence, body))
        self._said_s = self._now()
        try:
            # Not kept for later: what does not fit is late.
            if self._socket.send(data) != len(data):
                self._part("the agent does not read")
        except OSError as error:
            # An agent that has closed may have said why: that lies here unread.
            self._receive()
            if self._socket is not None:
                self._part(f"lost: {error}")

    def _attend(self) -> None:
        if self._socket is None:
            if self._now() - self._tried_s >= RETRY_S:
                self._connect()
        elif self._connecting:
            self._greet()
        else:
            self._receive()
            if self._now() - self._received_s > SILENCE_S:
                self._part("the agent says nothing")
            elif self._now() - self._said_s >= BEAT_S:
                self._send(Beat(self._now_ns()))

    def _connect(self) -> None:
        self._tried_s, self._connecting = self._now(), True
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(BlockingIOError):
            try:
                self._socket.connect(self._address)
            except ConnectionError as error:
                self._part(f"no agent at {self._address[0]}:{self._address[1]}: {error}")

    def _greet(self) -> None:
        """TCP first, then the handshake; neither waits."""
        at = f"no agent at {self._address[0]}:{self._address[1]}"
        if self._now() - self._tried_s > 4 * RETRY_S:
            return self._part(f"{at}: no answer")
        if self._tls is not None and isinstance(self._socket, ssl.SSLSocket):
            try:
                if not shaken(self._socket):
                    return
            except OSError as error:
                return self._part(f"{at}: {reason(error)}")
        else:
            _, ready, _ = select.select([], [self._socket], [], 0.0)
            if not ready:
                return
            if number := self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                return self._part(f"{at}: {os.strerror(number)}")
            if self._tls is not None:
                try:
                    self._socket = self._tls.wrap_socket(self._socket, do_handshake_on_connect=False)
                except OSError as error:
                    return self._part(f"{at}: {reason(error)}")
                return self._greet()
        self._connecting, self._received_s = False, self._now()
        self._reader, self._session, self._sequence, self._received = FrameReader(), secrets.randbits(32), 0, 0
        self._send(self._hello)

    def _receive(self) -> None:
        try:
            data = received(self._socket)
            if not data:
                return self._part("the agent closed the connection")
            for frame in self._reader.feed(data):
                self._on_frame(frame)
                if self._socket is None:
                    return
            if self._reader.broken:
                self._part(f"a bad frame from the agent: {self._reader.broken}")
        except BlockingIOError:
            pass
        except FrameError as error:
            self._part(f"a bad frame from the agent: {error}")
        except ssl.SSLError as error:
            self._part(f"the agent refused this driver: {reason(error)}")
        except OSError as error:
            self._part(f"lost: {error}")

    def _on_frame(self, frame: Frame) -> None:
        body = frame.body
        if isinstance(body, Bye):
            return self._part(f"the agent says: {body.text}")
        if frame.session != self._session or frame.sequence <= self._received:
            return self._part(f"a {type(body).__name__} of another session, or out of order")
        self._received, self._received_s = frame.sequence, self._now()
        if isinstance(body, State):
            if len(body.position) != len(self._names):
                return self._part(f"a state of {len(body.position)} joints")
            self._on_state(body)
        elif isinstance(body, Answer):
            if future := self._requests.pop(body.number, None):
                future.set_result(body.text)
        elif not isinstance(body, Welcome):
            self._part(f"a {type(body).__name__} from the agent")

    def _on_state(self, state: State) -> None:
        now_s = self._now()
        before, self._state = self._state, (now_s, state)
        old = self._report
        # The earliest it can have been: our echoed time went to the agent first, and that way counts as age too.
        sent_s = state.echo_ns / NS + state.dwell_ns / NS if state.echo_ns else now_s
        joints, gripper = old.joints, old.gripper if state.flags & GRIPPER else None
        if joints is None or before is None or state.joints_count != before[1].joints_count:
            sampled_s = _later(joints, min(sent_s, now_s) - state.joints_age_ns / NS)
            joints = JointSample(np.array(state.position), np.array(state.velocity), sampled_s)
        if state.flags & GRIPPER and (
            gripper is None or before is None or state.gripper_count != before[1].gripper_count
        ):
            sampled_s = _later(gripper, min(sent_s, now_s) - state.gripper_age_ns / NS)
            gripper = GripperSample(state.opening_m, state.force_n, sampled_s)
        newly_refused = before is None or state.refused != before[1].refused
        self._report = RobotReport(
            joints,
            gripper,
            linked=True,
            enabled=bool(state.flags & ENABLED),
            e_stop=bool(state.flags & (BUTTON | STOPPED)),
            ready=bool(state.flags & ARMED),
            fault=state.fault,
            refused=state.refused + self._refused_here,
            last_refusal=state.last_refusal if newly_refused else old.last_refusal,
            stops=state.stops,
        )

    def _part(self, why: str) -> None:
        """The link is gone: nothing is known any more, and nothing is sent until there is a new one."""
        if self._socket is not None:
            self._socket.close()
        self._socket, self._connecting, self._state = None, False, None
        self._tried_s = self._now()
        # The emergency stop stays as it was last seen: a lost cable does not release it.
        self._report = replace(self._report, linked=False, enabled=False, ready=False, fault=why)
        requests, self._requests = self._requests, {}
        for future in requests.values():
            future.set_result(why)


def _tls(keys: str, insecure: bool) -> ssl.SSLContext:
    fix = "python -m gato_ros.drivers.sawyer_agent.keys FOLDER makes both sides' keys; then keys:=FOLDER/driver"
    if insecure:
        raise SetupError(expected="keys or insecure", got="both", fix="remove one of the two parameters")
    if not keys:
        raise SetupError(
            expected="a folder of keys, so that nobody else moves the arm",
            got="none",
            fix=f"{fix}; on a network of their own: insecure:=true",
        )
    try:
        return context(keys, DRIVER)
    except KeysError as error:
        expected, _, got = str(error).removeprefix("expected ").partition(", got ")
        raise SetupError(expected=expected, got=got, fix=fix) from None


def _later(before: JointSample | GripperSample | None, sampled_s: float) -> float:
    """A new sample is later than the one before, however uncertain both times are."""
    return sampled_s if before is None else max(sampled_s, before.sampled_s + 1e-6)
