"""One driver's connection, the gate and the robot, in one loop."""

from __future__ import annotations

import contextlib
import math
import select
import socket
import ssl
import sys
import threading
import time

from .frames import (
    ARMED,
    ENABLE,
    GRIPPER,
    HOME,
    READY,
    REST,
    STOP,
    Answer,
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
from .gate import TICK_S, ZEROS, Gate
from .robot import Condition, Fingers, Sawyer
from .tls import WAITS, reason, received, shaken

SILENCE_NS = 500000000
"""A driver that sends nothing for so long is gone."""
MOST_UNSENT = 65536
HANDSHAKE_S = 2.0
"""Within which a driver has to show its certificate."""
MOST_ARRIVING = 4
"""Connections that have not shown theirs yet. One more, and the oldest goes: a driver needs milliseconds for it, and
strangers who say nothing may not keep it out."""
SHORTEST_TIMEOUT_S, LONGEST_TIMEOUT_S = 0.05, 0.2
"""Of the robot itself. The longer is its default."""
STROKE_TOLERANCE_M = 0.001


class Session:
    """One driver's connection."""

    def __init__(self, connection: socket.socket, peer: str):
        self.socket, self.peer, self.reader = connection, peer, FrameReader()
        self.number = None
        self.received, self.received_ns, self.echo_ns = 0, time.monotonic_ns(), 0
        self._said, self._unsent = 0, bytearray()

    def send(self, body: tuple) -> None:
        self._said += 1
        self._unsent += encode(Frame(self.number or 0, self._said, body))
        with contextlib.suppress(*WAITS):
            del self._unsent[: self.socket.send(self._unsent)]
        if len(self._unsent) > MOST_UNSENT:
            raise ConnectionError("the driver does not read")

    def receive(self) -> list[Frame]:
        """Raises ConnectionError or OSError at its end, BlockingIOError for nothing yet, FrameError for nonsense."""
        data = received(self.socket)
        if not data:
            raise ConnectionError("the driver closed the connection")
        self.received_ns = time.monotonic_ns()
        return self.reader.feed(data)


class Agent:
    """One thread for everything but what the SDK makes wait."""

    def __init__(self, robot: Sawyer, listener: socket.socket, allowed: list[str], tls: ssl.SSLContext | None):
        """`tls`: how a driver proves who it is; None: whoever connects is served."""
        self._robot, self._listener, self._allowed, self._tls = robot, listener, allowed, tls
        self._session = None
        self._arriving = {}
        self._gate = Gate(robot.names)
        self._order = robot.names
        self._in_progress = None
        self.stopping = False

    def run(self) -> None:
        due_s = time.monotonic()
        while not self.stopping and self._robot.alive:
            sockets = [self._listener, *self._arriving] + ([self._session.socket] if self._session else [])
            ready, _, _ = select.select(sockets, [], [], max(0.0, due_s - time.monotonic()))
            if self._session and self._session.socket in ready:
                self._receive()
            for connection in [arriving for arriving in self._arriving if arriving in ready]:
                self._shake(connection)
            if self._listener in ready:
                self._meet()
            if time.monotonic() >= due_s:
                # What was slept through is not made up for.
                due_s = max(due_s + TICK_S, time.monotonic())
                self._tick()
        self._part("the agent ends")
        for _ in range(ZEROS):
            self._zero()
            time.sleep(TICK_S)

    def _meet(self) -> None:
        connection, (address, port) = self._listener.accept()
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer = f"{address}:{port}"
        if self._allowed and address not in self._allowed:
            self._turn_away(connection, peer, f"{address} is not allowed here")
        elif self._tls is None:
            self._admit(connection, peer)
        else:
            if len(self._arriving) >= MOST_ARRIVING:
                self._forget(next(iter(self._arriving)), "no handshake, and others have come")
            connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
            self._arriving[connection] = (peer, time.monotonic() + HANDSHAKE_S)

    def _shake(self, connection: ssl.SSLSocket) -> None:
        """Whoever has not shown the driver's certificate is not heard, and disturbs nobody who has."""
        peer, _ = self._arriving[connection]
        try:
            if not shaken(connection):
                return
        except OSError as error:
            return self._forget(connection, reason(error))
        del self._arriving[connection]
        self._admit(connection, peer)

    def _forget(self, connection: ssl.SSLSocket, why: str) -> None:
        peer, _ = self._arriving.pop(connection)
        say(f"{peer} was refused: {why}")
        connection.close()

    def _turn_away(self, connection: socket.socket, peer: str, why: str) -> None:
        say(f"{peer} was refused: {why}")
        # Without its handshake a driver with TLS could not read the reason.
        if self._tls is None or isinstance(connection, ssl.SSLSocket):
            with contextlib.suppress(OSError):
                connection.send(encode(Frame(0, 1, Bye(why))))
        connection.close()

    def _admit(self, connection: socket.socket, peer: str) -> None:
        if self._session is not None:
            return self._turn_away(connection, peer, "another driver is connected")
        say(f"{peer} connected")
        self._session = Session(connection, peer)
        # A first frame that came with the handshake is decrypted already, and `select` does not see it.
        self._receive()

    def _part(self, why: str) -> None:
        """The end of the session; the arm stops."""
        session, self._session = self._session, None
        self._gate.disarm(f"no driver: {why}")
        self._robot.release_goal()
        if session is None:
            return
        say(f"{session.peer} left: {why}")
        with contextlib.suppress(OSError):
            session.send(Bye(why))
        session.socket.close()

    def _receive(self) -> None:
        session = self._session
        try:
            for frame in session.receive():
                self._on_frame(session, frame)
                if self._session is not session:
                    return
            if session.reader.broken:
                raise FrameError(session.reader.broken)
        except (BlockingIOError, InterruptedError):
            pass
        except FrameError as error:
            self._gate.refuse(f"a bad frame: {error}")
            self._part(f"a bad frame: {error}")
        except OSError as error:
            self._part(str(error))

    def _on_frame(self, session: Session, frame: Frame) -> None:
        body = frame.body
        if session.number is None:
            return self._on_hello(session, frame)
        if frame.session != session.number or isinstance(body, (Hello, Welcome, State, Answer)):
            return self._part(f"a {type(body).__name__} out of place")
        if frame.sequence <= session.received:
            return self._gate.refuse(f"frame {frame.sequence} after {session.received}: repeated or out of order")
        session.received = frame.sequence
        if isinstance(body, Bye):
            return self._part(body.text)
        if isinstance(body, Request):
            return self._on_request(session, body)
        session.echo_ns = body.sent_ns
        if isinstance(body, Motion) and self._gate.take(body, time.monotonic_ns()):
            self._robot.move(dict(zip(self._order, body.velocity)))
        if isinstance(body, Grip):
            self._on_grip(body)

    def _on_hello(self, session: Session, frame: Frame) -> None:
        hello, why = frame.body, ""
        if not isinstance(hello, Hello):
            return self._part(f"a {type(hello).__name__} before Hello")
        if sorted(hello.joints) != sorted(self._robot.names):
            own, wanted = (" ".join(names) for names in (self._robot.names, hello.joints))
            why = f"this robot's joints are {own}, the driver's {wanted}"
        elif not SHORTEST_TIMEOUT_S <= hello.velocity_timeout_s <= LONGEST_TIMEOUT_S:
            why = (
                f"a velocity timeout of {hello.velocity_timeout_s:g} s; from {SHORTEST_TIMEOUT_S:g} to "
                f"{LONGEST_TIMEOUT_S:g} are taken"
            )
        elif self._robot.stroke_m and not abs(hello.stroke_m - self._robot.stroke_m) <= STROKE_TOLERANCE_M:
            why = (
                f"this gripper's stroke is {self._robot.stroke_m:g} m, the contract's {hello.stroke_m:g}; correct "
                f"the contract, or start the agent with --gripper none"
            )
        if why:
            return self._part(why)
        session.number, session.received, self._order = frame.session, frame.sequence, hello.joints
        self._gate.serve(hello.joints)
        self._robot.set_timeout(hello.velocity_timeout_s)
        session.send(Welcome(time.monotonic_ns(), hello.velocity_timeout_s))

    def _on_request(self, session: Session, request: Request) -> None:
        if request.what == STOP:
            self._gate.disarm("stopped by the driver")
            self._robot.release_goal()
            session.send(Answer(request.number, ""))
        elif request.what == REST:
            self._gate.rest()
            session.send(Answer(request.number, ""))
        elif request.what not in (ENABLE, HOME):
            session.send(Answer(request.number, f"request {request.what} is not known"))
        elif self._in_progress is not None:
            session.send(Answer(request.number, "busy with another request"))
        else:
            # While the robot is reset nothing may move, not even what was allowed before.
            self._gate.disarm("being enabled")
            self._gate.fault = "being enabled"
            said = []
            self._in_progress = (session, request.number, said)
            make_ready, home = self._robot.make_ready, request.what == HOME
            threading.Thread(target=lambda: said.append(make_ready(home)), name="enable", daemon=True).start()

    def _on_grip(self, grip: Grip) -> None:
        why = self._gate.late(grip.valid_until_ns, time.monotonic_ns()) or self._gate.fault
        if not self._robot.stroke_m:
            why = "no gripper"
        elif not math.isfinite(grip.opening_m):
            why = "the opening is not finite"
        if why:
            self._gate.refuse(f"gripper: {why}")
        else:
            self._robot.grip(min(max(grip.opening_m, 0.0), self._robot.stroke_m))

    def _tick(self) -> None:
        now_ns, condition = time.monotonic_ns(), self._robot.condition()
        fault = "the robot says nothing" if condition is None else condition.fault
        if self._gate.armed and fault:
            say(f"disarmed: {fault}")
            self._gate.disarm(fault)
            self._robot.release_goal()
        if self._in_progress is not None and self._in_progress[2]:
            self._answer(fault)
        for connection in [late for late, (_, until_s) in self._arriving.items() if time.monotonic() > until_s]:
            self._forget(connection, "no handshake")
        if self._gate.tick(now_ns):
            self._zero()
        session = self._session
        if session is None:
            return
        if now_ns - session.received_ns > SILENCE_NS:
            return self._part("the driver says nothing")
        if session.number is not None and condition is not None:
            try:
                session.send(self._state(session, condition))
            except OSError as error:
                self._part(str(error))

    def _answer(self, fault: str) -> None:
        session, number, (text,) = self._in_progress
        self._in_progress = None
        text = text or fault
        if session is not self._session:
            self._gate.fault = "not enabled"
            return
        if text:
            self._gate.fault = text
        else:
            self._gate.arm()
        say("enabled" if not text else f"not enabled: {text}")
        try:
            session.send(Answer(number, text))
        except OSError as error:
            self._part(str(error))

    def _zero(self) -> None:
        condition = self._robot.condition()
        # Commands to a robot that is not ready are errors on its side.
        if condition is not None and condition.flags & READY:
            self._robot.move(dict.fromkeys(self._order, 0.0))

    def _state(self, session: Session, condition: Condition) -> State:
        by_name = {name: (q, dq) for name, q, dq in zip(self._robot.names, condition.position, condition.velocity)}
        position, velocity = zip(*(by_name[name] for name in self._order))
        fingers, gate, now_ns = self._robot.fingers() or Fingers(0.0, 0.0, 0.0, 0), self._gate, time.monotonic_ns()
        flags = condition.flags | ARMED * gate.armed | GRIPPER * (fingers.count > 0)
        return State(
            now_ns,
            session.echo_ns,
            now_ns - session.received_ns if session.echo_ns else 0,
            int(condition.joints_age_s * 1e9),
            int(fingers.age_s * 1e9),
            condition.joints_count,
            fingers.count,
            flags,
            fingers.opening_m,
            fingers.force_n,
            gate.refused,
            gate.stops,
            position,
            velocity,
            condition.fault or gate.fault,
            gate.last_refusal,
        )


def say(text: str) -> None:
    print(f"sawyer_agent: {text}", file=sys.stderr, flush=True)
