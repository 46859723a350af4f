"""The Sawyer's frames as mathematics: what went in comes out, and nothing else ever does."""

import ast
import math
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gato_ros.drivers.sawyer_agent import frames
from gato_ros.drivers.sawyer_agent.frames import (
    CHECKSUM,
    HEADER,
    MAGIC,
    VERSION,
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

number, half, byte = (st.integers(0, 2**bits - 1) for bits in (64, 32, 8))
real = st.floats(width=64)
text = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60)
joints = st.integers(1, 16)


def reals(count):
    return st.tuples(*[real] * count)


states = joints.flatmap(
    lambda n: st.builds(
        State,
        number,
        number,
        number,
        number,
        number,
        half,
        half,
        st.integers(0, 2**16 - 1),
        real,
        real,
        half,
        half,
        reals(n),
        reals(n),
        text,
        text,
    )
)
bodies = st.one_of(
    st.builds(Hello, real, real, st.lists(text, min_size=1, max_size=5).map(tuple)),
    joints.flatmap(lambda n: st.builds(Motion, byte, number, number, reals(n))),
    st.builds(Grip, number, number, real),
    st.builds(Beat, number),
    st.builds(Request, byte, half),
    st.builds(Welcome, number, real),
    states,
    st.builds(Answer, half, text),
    st.builds(Bye, text),
)
whole = st.builds(Frame, half, half, bodies)
PACKAGE = Path(frames.__file__).parent


def same(one, other) -> bool:
    """Equal to the bit: NaN is what it was."""
    if isinstance(one, tuple):
        return type(one) is type(other) and len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float):
        return struct.pack("!d", one) == struct.pack("!d", other)
    return one == other


def read(data: bytes):
    """Everything that is believed of these bytes."""
    try:
        return FrameReader().feed(data)
    except FrameError:
        return []


@given(st.lists(whole, max_size=5), st.lists(st.integers(1, 40), min_size=1))
def test_what_goes_in_comes_out_in_whatever_pieces(sent, sizes):
    data, reader, received, at = b"".join(map(encode, sent)), FrameReader(), [], 0
    while at < len(data):
        size = sizes[at % len(sizes)]
        received += reader.feed(data[at : at + size])
        at += size
    assert same(tuple(received), tuple(sent)) and reader.broken is None


@given(whole, st.data())
@settings(max_examples=400)
def test_no_flipped_bits_are_believed(frame, data):
    """Up to 32 bits anywhere in one stretch of 32, and any three anywhere: what CRC-32 finds without exception."""
    good = bytearray(encode(frame))
    bits = len(good) * 8
    if data.draw(st.booleans()):
        start = data.draw(st.integers(0, max(0, bits - 32)))
        flips = {start + offset for offset in data.draw(st.sets(st.integers(0, 31), min_size=1))}
    else:
        flips = data.draw(st.sets(st.integers(0, bits - 1), min_size=1, max_size=3))
    for flip in flips:
        if flip < bits:
            good[flip // 8] ^= 128 >> flip % 8
    # What follows must not be taken for a part of it either.
    assert not [received for received in read(bytes(good) + encode(frame)) if not same(received, frame)]
    assert read(bytes(good)) == []


def test_every_single_bit_of_a_command_matters():
    good = encode(Frame(7, 9, Motion(2, 10**12, 10**12, (0.5,) * 7)))
    for bit in range(8 * len(good)):
        bad = bytearray(good)
        bad[bit // 8] ^= 128 >> bit % 8
        assert read(bytes(bad)) == [], bit
    assert len(read(good)) == 1


@given(st.one_of(st.binary(max_size=400), st.binary(max_size=400).map(lambda tail: MAGIC + bytes([VERSION]) + tail)))
@settings(max_examples=500)
def test_noise_raises_nothing_but_a_frame_error(noise):
    reader = FrameReader()
    for byte in [noise[:7], noise[7:], b"", encode(Frame(1, 1, Beat(1)))]:
        try:
            received = reader.feed(byte)
        except FrameError:
            assert reader.broken
        else:
            assert all(isinstance(frame.body, Beat) for frame in received)
    if reader.broken:
        with pytest.raises(FrameError):
            reader.feed(encode(Frame(1, 1, Beat(1))))


@given(st.sampled_from(sorted(frames.KINDS)), st.binary(max_size=300))
@example(132, b"\n")
@settings(max_examples=500)
def test_any_payload_with_a_right_checksum_is_a_frame_or_a_frame_error(kind, payload):
    head = HEADER.pack(MAGIC, VERSION, kind, len(payload), 1, 1) + payload
    data = head + CHECKSUM.pack(zlib.crc32(head))
    for frame in read(data):
        assert type(frame.body) is frames.KINDS[kind]
        assert encode(frame) == data, "one meaning, one spelling"


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"GET / HTTP/1.1\r\n", "no frame begins with"),
        (HEADER.pack(MAGIC, VERSION + 1, 2, 8, 1, 1), f"version {VERSION + 1}, this is version {VERSION}"),
        (HEADER.pack(MAGIC, VERSION, 99, 8, 1, 1), "unknown kind 99"),
        (HEADER.pack(MAGIC, VERSION, 2, 60000, 1, 1), "a payload of 60000 bytes"),
    ],
)
def test_what_cannot_be_a_frame_is_refused_as_soon_as_it_shows(data, complaint):
    with pytest.raises(FrameError, match=complaint):
        FrameReader().feed(data)


@given(whole, st.integers(1, 10))
def test_half_a_frame_is_no_frame(frame, missing):
    assert read(encode(frame)[:-missing]) == []


def test_the_agent_is_written_in_python_3_8():
    files = sorted(PACKAGE.glob("*.py"))
    assert len(files) == 8
    for path in files:
        ast.parse(path.read_text(), str(path), feature_version=(3, 8))


def test_the_agent_never_commands_anything_but_velocities():
    """No call of the SDK that moves the arm in another way, and no topic that suppresses one of its safeguards."""
    source = "".join(path.read_text() for path in PACKAGE.glob("*.py"))
    called = {
        node.func.attr
        for node in ast.walk(ast.parse(source.replace("from __future__ import annotations", "")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert "set_joint_velocities" in called and math.isfinite(len(called))
    assert not called & {
        "set_joint_positions",
        "set_joint_torques",
        "set_joint_trajectory",
        "move_to_neutral",
        "move_to_joint_positions",
        "exit_control_mode",
        "set_joint_position_speed",
    }
    assert "suppress_" not in source
