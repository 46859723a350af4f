"""The frames between the driver and the agent: bytes on a TCP connection, and their meaning. Both sides use this."""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

VERSION = 1
MAGIC = b"GSAW"
HEADER = struct.Struct("!4sBBHII")
"""Magic, version, kind, bytes of payload, session, sequence number."""
CHECKSUM = struct.Struct("!I")
"""CRC-32 of header and payload."""
LARGEST_PAYLOAD = 1024
MOST_JOINTS = 16
MOST_TEXT = 300
VELOCITY_MODE = 2
"""JointCommand's number; POSITION is 1, TORQUE 3, TRAJECTORY 4."""
ENABLE, STOP, HOME, REST = 1, 2, 3, 4
ENABLED, READY, HOMED, STOPPED, ERROR = (1 << i for i in range(5))
BUTTON, CUFF, ARMED, GRIPPER, STATE_KNOWN = (1 << i for i in range(5, 10))
"""Bits of State.flags; BUTTON is the emergency stop held down, STOPPED outlasts it until a reset."""


class FrameError(Exception):
    """Bytes that are no frames of this version; nothing after them can be trusted."""


def _joined(texts: tuple[str, ...]) -> bytes:
    lines = [text.replace("\n", " ")[:MOST_TEXT] for text in texts]
    return "\n".join(lines).encode("ascii", "replace")[: LARGEST_PAYLOAD // 2]


def _numbers(data: bytes, count: int) -> tuple[float, ...]:
    if not 1 <= count <= MOST_JOINTS:
        raise FrameError(f"{count} joints")
    return struct.unpack(f"!{count}d", data)


class Hello(NamedTuple):
    """Driver: the first frame. The joints' order holds for the whole session."""

    velocity_timeout_s: float
    stroke_m: float
    joints: tuple[str, ...]

    def pack(self):
        return struct.pack("!dd", self.velocity_timeout_s, self.stroke_m) + _joined(self.joints)

    @classmethod
    def unpack(cls, data):
        timeout_s, stroke_m = struct.unpack_from("!dd", data)
        return cls(timeout_s, stroke_m, tuple(data[16:].decode("ascii").split("\n")))


class Motion(NamedTuple):
    """Driver: joint speeds [rad/s] to be carried out until `valid_until_ns` of the agent's clock."""

    mode: int
    valid_until_ns: int
    sent_ns: int
    velocity: tuple[float, ...]

    def pack(self):
        count = len(self.velocity)
        return struct.pack(f"!BQQB{count}d", self.mode, self.valid_until_ns, self.sent_ns, count, *self.velocity)

    @classmethod
    def unpack(cls, data):
        mode, valid_until_ns, sent_ns, count = struct.unpack_from("!BQQB", data)
        return cls(mode, valid_until_ns, sent_ns, _numbers(data[18:], count))


class Grip(NamedTuple):
    """Driver: distance of the finger pads [m] to go to and hold."""

    valid_until_ns: int
    sent_ns: int
    opening_m: float

    def pack(self):
        return struct.pack("!QQd", *self)

    @classmethod
    def unpack(cls, data):
        return cls(*struct.unpack("!QQd", data))


class Beat(NamedTuple):
    """Driver: still here; `sent_ns` of the driver's clock comes back in State."""

    sent_ns: int

    def pack(self):
        return struct.pack("!Q", *self)

    @classmethod
    def unpack(cls, data):
        return cls(*struct.unpack("!Q", data))


class Request(NamedTuple):
    """Driver: ENABLE, STOP, HOME or REST; `number` comes back in Answer."""

    what: int
    number: int

    def pack(self):
        return struct.pack("!BI", *self)

    @classmethod
    def unpack(cls, data):
        return cls(*struct.unpack("!BI", data))


class Welcome(NamedTuple):
    """Agent: answer to Hello, with the timeout that was set on the robot."""

    now_ns: int
    velocity_timeout_s: float

    def pack(self):
        return struct.pack("!Qd", *self)

    @classmethod
    def unpack(cls, data):
        return cls(*struct.unpack("!Qd", data))


class State(NamedTuple):
    """Agent, 100 Hz: everything it knows. Ages [ns] are at `now_ns`; `dwell_ns` is how long ago `echo_ns` came.

    The counts tell a new sample from one that is sent again."""

    now_ns: int
    echo_ns: int
    dwell_ns: int
    joints_age_ns: int
    gripper_age_ns: int
    joints_count: int
    gripper_count: int
    flags: int
    opening_m: float
    force_n: float
    refused: int
    stops: int
    position: tuple[float, ...]
    velocity: tuple[float, ...]
    fault: str
    last_refusal: str

    def pack(self):
        count = len(self.position)
        return struct.pack(f"!QQQQQIIHddIIB{2 * count}d", *self[:12], count, *self.position, *self.velocity) + _joined(
            (self.fault, self.last_refusal)
        )

    @classmethod
    def unpack(cls, data):
        head = struct.Struct("!QQQQQIIHddIIB")
        values = head.unpack_from(data)
        count, start = values[-1], head.size
        end = start + 16 * count
        position, velocity = (
            _numbers(data[start + 8 * count * i : start + 8 * count * (i + 1)], count) for i in (0, 1)
        )
        fault, last_refusal = data[end:].decode("ascii").split("\n")
        return cls(*values[:-1], position, velocity, fault, last_refusal)


class Answer(NamedTuple):
    """Agent: a Request is done (no text) or is not going to be (the reason)."""

    number: int
    text: str

    def pack(self):
        return struct.pack("!I", self.number) + _joined((self.text,))

    @classmethod
    def unpack(cls, data):
        return cls(struct.unpack_from("!I", data)[0], data[4:].decode("ascii"))


class Bye(NamedTuple):
    """Either: the last frame, and why."""

    text: str

    def pack(self):
        return _joined((self.text,))

    @classmethod
    def unpack(cls, data):
        return cls(data.decode("ascii"))


KINDS = {1: Hello, 2: Motion, 3: Grip, 4: Beat, 5: Request, 129: Welcome, 130: State, 131: Answer, 132: Bye}
_KIND_OF = {kind: number for number, kind in KINDS.items()}


class Frame(NamedTuple):
    """One message with its place."""

    session: int
    sequence: int
    body: tuple


def encode(frame: Frame) -> bytes:
    """The bytes of a frame."""
    payload = frame.body.pack()
    head = HEADER.pack(MAGIC, VERSION, _KIND_OF[type(frame.body)], len(payload), frame.session, frame.sequence)
    data = head + payload
    return data + CHECKSUM.pack(zlib.crc32(data))


class FrameReader:
    """Bytes as they come, in pieces of any size, into frames. After a FrameError it is of no more use."""

    def __init__(self):
        self._data = bytearray()
        self._error = None

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are whole now.

        Raises:
            FrameError: anything else than frames of this version; the text says what.
        """
        if self._error is None:
            self._data += data
            frames = []
            try:
                while self._whole():
                    frames.append(self._take())
                return frames
            except FrameError as error:
                self._error = str(error)
                if frames:
                    return frames  # they were right; the next call says what came after them
        raise FrameError(self._error)

    @property
    def broken(self) -> str | None:
        """What was wrong with the bytes, or None."""
        return self._error

    def _whole(self) -> bool:
        if not MAGIC.startswith(bytes(self._data[:4])):
            raise FrameError(f"no frame begins with {bytes(self._data[:4])!r}")
        if len(self._data) > 4 and self._data[4] != VERSION:
            raise FrameError(f"version {self._data[4]}, this is version {VERSION}")
        if len(self._data) > 5 and self._data[5] not in KINDS:
            raise FrameError(f"a frame of unknown kind {self._data[5]}")
        if len(self._data) < HEADER.size:
            return False
        size = HEADER.unpack_from(self._data)[3]
        if size > LARGEST_PAYLOAD:
            raise FrameError(f"a payload of {size} bytes, at most {LARGEST_PAYLOAD} are taken")
        return len(self._data) >= HEADER.size + size + CHECKSUM.size

    def _take(self) -> Frame:
        _, _, kind, size, session, sequence = HEADER.unpack_from(self._data)
        end = HEADER.size + size
        (checksum,) = CHECKSUM.unpack_from(self._data, end)
        content = bytes(self._data[:end])
        if zlib.crc32(content) != checksum:
            raise FrameError(f"the checksum of a {KINDS[kind].__name__} is wrong")
        del self._data[: end + CHECKSUM.size]
        try:
            body = KINDS[kind].unpack(content[HEADER.size :])
            if body.pack() != content[HEADER.size :]:  # one meaning has one spelling
                raise ValueError("spelled as no sender of this version does")
            return Frame(session, sequence, body)
        except (struct.error, ValueError) as error:  # UnicodeDecodeError is a ValueError
            raise FrameError(f"a {KINDS[kind].__name__} that does not hold what it should: {error}") from None
