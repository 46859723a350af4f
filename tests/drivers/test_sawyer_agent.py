"""The agent as a process, on the standard library alone, before the modelled robot: whom it serves."""

import socket
import ssl
import struct
import subprocess
import time

import pytest

from gato_ros.drivers.sawyer import SawyerDriver
from gato_ros.drivers.sawyer_agent.frames import Beat, Bye, Frame, FrameReader, Hello, Motion, State, Welcome, encode
from gato_ros.drivers.sawyer_agent.tls import DRIVER, context
from gato_ros.embodiments import load_embodiment
from tests.drivers.sawyer_cell import AGENT_PYTHON, ROOT, STROKE_M, Cell

JOINTS = tuple(load_embodiment().arm.joints)


@pytest.fixture(scope="module")
def cell():
    with Cell() as made:
        made.wait(lambda truth: reachable(made.port), "the agent")
        yield made


def reachable(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def connected(cell: Cell) -> ssl.SSLSocket:
    wire = socket.create_connection(("127.0.0.1", cell.port), 60.0)
    return context(cell.keys / DRIVER, DRIVER).wrap_socket(wire)


def talk(cell: Cell, *bodies, raw: bytes = b"") -> list:
    """What the agent says to these, until it ends the connection or half a second has passed."""
    end_s = time.monotonic() + 60.0
    while True:  # it serves one at a time, and the one before may not have been seen off yet
        received, reader = [], FrameReader()
        with connected(cell) as wire:
            for i, body in enumerate(bodies):
                wire.sendall(encode(Frame(7, i + 1, body)))
            wire.sendall(raw)
            wire.settimeout(0.4)
            try:
                while data := wire.recv(65536):
                    received += [frame.body for frame in reader.feed(data)]
            except (TimeoutError, ConnectionError):
                pass
        if received and received[-1] == Bye("another driver is connected") and time.monotonic() < end_s:
            time.sleep(0.05)
            continue
        return received


def test_a_right_hello_is_welcomed_and_states_follow(cell):
    received = talk(cell, Hello(0.15, STROKE_M, JOINTS))
    assert isinstance(received[0], Welcome) and received[0].velocity_timeout_s == 0.15
    states = [body for body in received if isinstance(body, State)]
    assert len(states) > 5 and len(states[-1].position) == 7 and states[-1].fault
    assert cell.truth()["timeout_s"] == 0.15


@pytest.mark.parametrize(
    ("bodies", "complaint"),
    [
        ([Hello(0.2, STROKE_M, JOINTS[:6])], "this robot's joints are right_j0"),
        ([Hello(0.2, STROKE_M, (*JOINTS[:6], "x"))], "the driver's right_j0"),
        ([Hello(0.5, STROKE_M, JOINTS)], "a velocity timeout of 0.5 s"),
        ([Hello(float("nan"), STROKE_M, JOINTS)], "a velocity timeout of nan s"),
        ([Hello(0.2, 0.085, JOINTS)], "start the agent with --gripper none"),
        ([Beat(1)], "a Beat before Hello"),
        ([Motion(2, 0, 0, (0.1,) * 7)], "a Motion before Hello"),
        ([Hello(0.2, STROKE_M, JOINTS), Hello(0.2, STROKE_M, JOINTS)], "a Hello out of place"),
        ([Hello(0.2, STROKE_M, JOINTS), Welcome(1, 0.2)], "a Welcome out of place"),
    ],
)
def test_a_driver_that_does_not_fit_is_refused_with_the_reason(cell, bodies, complaint):
    last = talk(cell, *bodies)[-1]
    assert isinstance(last, Bye) and complaint in last.text


def test_noise_is_answered_and_survived(cell):
    for noise in (b"GET / HTTP/1.1\r\n\r\n", b"\0" * 100, struct.pack("!4sBBHII", b"GSAW", 9, 1, 8, 1, 1)):
        last = talk(cell, raw=noise)[-1]
        assert isinstance(last, Bye) and "a bad frame" in last.text
    assert cell.agent.poll() is None and len(talk(cell, Hello(0.2, STROKE_M, JOINTS))) > 5


def test_one_driver_is_served_at_a_time(cell):
    talk(cell, Hello(0.2, STROKE_M, JOINTS))
    with connected(cell) as first:
        first.sendall(encode(Frame(7, 1, Hello(0.2, STROKE_M, JOINTS))))
        assert first.recv(65536)
        with connected(cell) as second:
            (frame,) = FrameReader().feed(second.recv(65536))
    assert frame.body == Bye("another driver is connected")


def test_it_says_in_one_line_what_it_misses(cell):
    def start(*arguments):
        return subprocess.run(
            [AGENT_PYTHON, "-S", "-m", "sawyer_agent", *arguments],
            capture_output=True,
            text=True,
            timeout=240,
            cwd="/",
            env={"PYTHONPATH": str(ROOT / "gato_ros/drivers")},
        )

    taken, alone = start("--insecure", "--port", str(cell.port)), start("--insecure", "--port", "0")
    assert taken.returncode == alone.returncode == 2
    assert "expected a free port" in taken.stderr and "a shell of the Intera SDK" in alone.stderr
    assert len(taken.stderr.splitlines()) == len(alone.stderr.splitlines()) == 1
    assert start("--insecure", "--joint-silence", "9").returncode == 2


def test_the_age_of_a_state_counts_the_way_of_the_network(cell):
    """Frames to the agent are 0.1 s on their way: states are said to be older than they are, never younger."""
    from tests.drivers.frame_proxy import FrameProxy

    contract = load_embodiment().model_copy(
        update={"gripper": load_embodiment().gripper.model_copy(update={"stroke_m": STROKE_M})}
    )
    with FrameProxy(cell.port, cell.keys) as proxy:
        driver = SawyerDriver(contract, "127.0.0.1", proxy.port, str(cell.keys / DRIVER))

        def watch(seconds):
            ages, end_s = [], time.monotonic() + seconds
            while time.monotonic() < end_s:
                joints = driver.report().joints
                if joints is not None:
                    ages.append(time.monotonic() - joints.sampled_s)
                time.sleep(0.005)
            return ages

        end_s = time.monotonic() + 60.0
        while not driver.report().linked:
            assert time.monotonic() < end_s, driver.report()
            time.sleep(0.005)
        direct = watch(0.5)
        proxy.alter = lambda frame, data: [(0.1, data)]
        watch(0.3)
        delayed = watch(0.5)
        assert min(direct) >= 0.0 and min(delayed) > 0.1 > sorted(direct)[len(direct) // 2]
        driver.close()
