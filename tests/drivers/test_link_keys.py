"""The connection between driver and agent: nobody without the keys is served, and nobody disturbs who has them."""

import contextlib
import os
import socket
import ssl
import subprocess
import sys
import threading
import time

import pytest

from gato_ros.core.errors import SetupError
from gato_ros.drivers.sawyer import SawyerDriver
from gato_ros.drivers.sawyer_agent.frames import Bye, Frame, Hello, encode
from gato_ros.drivers.sawyer_agent.keys import make_keys
from gato_ros.drivers.sawyer_agent.tls import AGENT, DRIVER, context
from gato_ros.embodiments import load_embodiment
from tests.drivers.sawyer_cell import AGENT_PYTHON, ROOT, STROKE_M, Cell

ROBOT = load_embodiment().model_copy(
    update={"gripper": load_embodiment().gripper.model_copy(update={"stroke_m": STROKE_M})}
)


@pytest.fixture(scope="module")
def cell():
    with Cell() as made:
        yield made


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    """Keys of another pair."""
    folder = tmp_path_factory.mktemp("others") / "keys"
    make_keys(folder)
    return folder


@contextlib.contextmanager
def driver(port: int, keys: str, insecure: bool = False):
    made = SawyerDriver(ROBOT, "127.0.0.1", port, keys, insecure)
    try:
        yield made
    finally:
        made.close()


def report_when(driver, holds, limit_s: float = 60.0):
    end_s = time.monotonic() + limit_s
    while not holds(report := driver.report()):
        assert time.monotonic() < end_s, report
        time.sleep(0.002)
    return report


def test_keys_are_two_folders_that_only_their_owner_reads(others):
    found = {str(path.relative_to(others)): path.stat().st_mode & 0o777 for path in others.rglob("*.*")}
    assert set(found) == {
        f"{side}/{name}" for side in (AGENT, DRIVER) for name in (f"{side}.key", "agent.crt", "driver.crt")
    }
    assert found["agent/agent.key"] == found["driver/driver.key"] == 0o600
    assert (others / "agent/driver.crt").read_bytes() == (others / "driver/driver.crt").read_bytes()
    with pytest.raises(FileExistsError, match="expected a new folder"):
        make_keys(others)


def test_without_openssl_no_folder_is_left_and_one_line_says_why(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "gato_ros.drivers.sawyer_agent.keys", str(tmp_path / "keys")],
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": str(tmp_path)},
        cwd=ROOT,
    )
    assert done.returncode == 2 and "apt install openssl" in done.stderr and len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("keys", "insecure", "complaint"),
    [("", False, "insecure:=true"), ("{}", True, "got both"), ("{}/nowhere", False, "got no driver.crt")],
)
def test_a_driver_without_keys_does_not_start(others, keys, insecure, complaint):
    with pytest.raises(SetupError, match=complaint):
        SawyerDriver(ROBOT, "127.0.0.1", 7411, keys.format(others / DRIVER), insecure)


def test_a_key_of_another_certificate_is_refused(others, tmp_path):
    for name, source in (
        ("driver.key", "agent/agent.key"),
        ("driver.crt", "driver/driver.crt"),
        ("agent.crt", "agent/agent.crt"),
    ):
        (tmp_path / name).write_bytes((others / source).read_bytes())
    with pytest.raises(SetupError, match="cannot be used"):
        SawyerDriver(ROBOT, "127.0.0.1", 7411, str(tmp_path))


@pytest.mark.parametrize("arguments", [(), ("--insecure", "--keys", "x"), ("--keys", "nowhere")])
def test_an_agent_without_keys_does_not_start(arguments):
    done = subprocess.run(
        [AGENT_PYTHON, "-S", "-m", "sawyer_agent", *arguments],
        capture_output=True,
        text=True,
        cwd="/",
        env={"PYTHONPATH": str(ROOT / "gato_ros/drivers")},
    )
    assert done.returncode == 2 and "sawyer_agent.keys" in done.stderr and "Traceback" not in done.stderr


class Watch:
    """A driver that is attended in a thread of its own, as driver_node does: what it says of the robot."""

    def __init__(self, driver: SawyerDriver):
        self.driver, self.faults, self.samples, self.gap_s = driver, set(), set(), 0.0
        self._done, self._thread = threading.Event(), threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        last_s = time.monotonic()
        while not self._done.wait(0.002):
            report, now_s = self.driver.report(), time.monotonic()
            if not report.linked:
                self.faults.add(report.fault)
            elif report.joints is not None and report.joints.sampled_s not in self.samples:
                self.samples.add(report.joints.sampled_s)
                self.gap_s, last_s = max(self.gap_s, now_s - last_s), now_s


def test_strangers_are_refused_and_do_not_disturb(cell, others):
    """Other keys, no TLS, no certificate, silence, noise: and states of the driver go on coming."""
    with driver(cell.port, str(cell.keys / DRIVER)) as own, contextlib.ExitStack() as stack:
        report_when(own, lambda report: report.linked and report.joints is not None)
        watch = stack.enter_context(Watch(own))

        def come() -> socket.socket:
            wire = stack.enter_context(socket.create_connection(("127.0.0.1", cell.port)))
            wire.settimeout(30.0)
            return wire

        strangers = [come() for _ in range(8)]
        strangers[0].sendall(encode(Frame(7, 1, Hello(0.2, STROKE_M, tuple(ROBOT.arm.joints)))))
        strangers[1].sendall(b"GET / HTTP/1.1\r\n\r\n")
        anonymous = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        anonymous.check_hostname, anonymous.verify_mode = False, ssl.CERT_NONE
        with pytest.raises((ssl.SSLError, ConnectionError)):  # in the handshake, or at the first word after it
            nameless = anonymous.wrap_socket(come())
            nameless.sendall(b"x")
            if not nameless.recv(1):
                raise ConnectionError
        with driver(cell.port, str(others / DRIVER)) as wrong:
            refused = report_when(wrong, lambda report: report.fault != "no connection yet")
        assert "another certificate" in refused.fault and not refused.linked
        for stranger in strangers:
            with contextlib.suppress(ConnectionError):
                # An alert of TLS at most, then the end: no Welcome, and no State.
                assert len(stranger.recv(1 << 16)) < 64 and not stranger.recv(1 << 16)
    assert not watch.faults and len(watch.samples) > 50 and watch.gap_s < 1.0
    assert cell.agent.poll() is None


def test_a_driver_with_keys_wants_an_agent_with_keys(others):
    listener = socket.create_server(("127.0.0.1", 0))
    with listener, driver(listener.getsockname()[1], str(others / DRIVER)) as made:
        made.report()
        plain, _ = listener.accept()
        with plain:
            plain.sendall(encode(Frame(0, 1, Bye("another driver is connected"))))
            fault = report_when(made, lambda report: report.fault != "no connection yet").fault
    assert "it does not speak TLS" in fault


def test_the_agent_is_known_by_its_certificate_alone(cell, others):
    """One who has the agent's address, and not its key, learns nothing from a driver."""
    listener = socket.create_server(("127.0.0.1", 0))
    with listener, driver(listener.getsockname()[1], str(cell.keys / DRIVER)) as made:
        made.report()
        false, _ = listener.accept()
        false = context(others / AGENT, AGENT).wrap_socket(false, server_side=True, do_handshake_on_connect=False)
        with false:
            false.setblocking(False)

            def shakes(report):
                with contextlib.suppress(OSError):
                    false.do_handshake()
                return report.fault != "no connection yet"

            fault = report_when(made, shakes).fault
    assert "another certificate" in fault


def test_years_between_the_clocks_do_not_matter(others):
    """The certificate itself is trusted: not before and not after are not looked at."""
    flags = context(others / DRIVER, DRIVER).verify_flags
    assert flags & 0x200000
