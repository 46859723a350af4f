"""Real nodes in real processes over DDS, one ROS domain per test worker."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import ClassVar

import pytest

from gato_ros.nodes.runtime.ros_domain import claim_domain
from gato_ros.nodes.runtime.transport import avoid_shared_memory
from tests.ros.machine_stalls import Stalls, Waker
from tests.without_simulator import need_simulator

ROOT = Path(__file__).resolve().parents[2]
DISCOVERY_LIMIT_S = 60.0
"""Finding each other takes 0.1 to 3 s on a quiet machine; the suite may run on a busy one."""
ANSWER_S = 10.0
"""A node may answer before it has found the client ("client will not receive response"): then it calls again [s]."""
ROS = {"ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST", "ROS_PYTHON_CHECK_FIELDS": "1"}
avoid_shared_memory(ROS)


def is_busy() -> bool:
    """Whether this machine has had half as much again to do, over the last minute, as it has processors."""
    return os.getloadavg()[0] > 1.5 * (os.cpu_count() or 1)


def pytest_collection_modifyitems(config, items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.ros)
            if not config.getoption("--fault-json"):
                # Processes in real time, of which one may be kept from running for seconds where others have the
                # processors: of 35 such tests at a load of 11 on two processors, one failed and passed again. So they
                # get one more try, listed as RERUN with its words, and only on such a machine; a test that needs it is
                # to be mended. Measurements of faults get none.
                item.add_marker(pytest.mark.flaky(reruns=1, condition=is_busy))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """What a test that failed was in the middle of: the nodes it sees, and what its processes have said."""
    report = (yield).get_result()
    if report.failed:
        for probe in Probe.open:
            report.sections.append(("the graph", probe.graph()))
        for running in Processes.open:
            report.sections += running.tails()


@pytest.fixture(scope="session", autouse=True)
def ros_environment():
    """A domain of this worker's own, for this process and its children; field types are checked everywhere."""
    number, claim = claim_domain()
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    chosen = {**ROS, "ROS_DOMAIN_ID": str(number), "PYTHONPATH": path}
    before = {name: os.environ.get(name) for name in chosen}
    os.environ.update(chosen)
    yield
    claim.close()
    for name, value in before.items():
        os.environ.pop(name, None) if value is None else os.environ.update({name: value})


class Processes:
    """Python processes that end with the test."""

    open: ClassVar[list["Processes"]] = []

    def __init__(self, folder: Path):
        self.folder, self._running = folder, []
        self.open.append(self)

    def start(self, *arguments: str) -> subprocess.Popen:
        """`python ARGUMENTS` in the repository's root; its output goes to the file `log_path`."""
        path = self.folder / f"{len(self._running)}.log"
        with open(path, "wb") as log:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        process.log_path = path
        return self.keep(process)

    def keep(self, process: subprocess.Popen) -> subprocess.Popen:
        """`process`, a leader of its session, ends with the test as well."""
        self._running.append(process)
        return process

    def node(self, name: str, *arguments: str) -> subprocess.Popen:
        """One of our nodes in namespace /sawyer."""
        if name == "sim_node":
            need_simulator()
        package = "gato_ros.bench.recorder" if name == "sample_robot" else "gato_ros.nodes"
        return self.start("-m", f"{package}.{name}", "--ros-args", "-r", "__ns:=/sawyer", *arguments)

    def tails(self) -> list[tuple[str, str]]:
        """(title, last lines of its output) of each process."""
        tails = []
        for process in self._running:
            ended = process.poll()
            path = getattr(process, "log_path", None)
            lines = path.read_text(errors="replace").splitlines()[-20:] if path else []
            tails.append(
                (
                    f"{process.pid} {'runs' if ended is None else f'ended: {ended}'}: "
                    f"{' '.join(map(str, process.args[1:6]))}",
                    "\n".join(lines),
                )
            )
        return tails

    def stop(self) -> None:
        """Safe to call twice."""
        if self in self.open:
            self.open.remove(self)
        for process in self._running:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)
        for process in self._running:
            try:
                process.wait(timeout=5.0)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@pytest.fixture
def processes(tmp_path):
    running = Processes(tmp_path)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def module_processes(tmp_path_factory):
    running = Processes(tmp_path_factory.mktemp("processes"))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def waker():
    with Waker() as running:
        yield running


@pytest.fixture(scope="session")
def stalls(waker):
    """`stalls(robot=PID, ...)` measures from now on what the machine keeps these processes and the test from."""

    def measure(no_main: tuple[str, ...] = (), **through: int) -> Stalls:
        return Stalls(waker, {"the test": os.getpid(), **through}, no_main)

    return measure


class Received(tuple):
    """(steady receipt [s], message), to be unpacked, and what the middleware knows of the message.

    Receipt is when the test's own process came to it: on a busy machine that can be long after it was sent.
    """

    sent_s: float
    """When it was published [s], on the steady clock."""
    number: int
    """Its publisher counts its messages: also those that did not arrive."""

    def __new__(cls, message, info):
        received_s = time.monotonic()
        received = super().__new__(cls, (received_s, message))
        received.sent_s = received_s - (time.time() - info["source_timestamp"] * 1e-9)
        received.number = info["publication_sequence_number"]
        return received


class Probe:
    """A node in the test's own process: listens, publishes, calls."""

    open: ClassVar[list["Probe"]] = []

    def __init__(self):
        import rclpy
        from rclpy.context import Context
        from rclpy.executors import SingleThreadedExecutor

        self.context = Context()
        rclpy.init(context=self.context, domain_id=int(os.environ["ROS_DOMAIN_ID"]))
        self.node = rclpy.create_node("probe", namespace="/sawyer", context=self.context)
        self._executor = SingleThreadedExecutor(context=self.context)
        self._executor.add_node(self.node)
        self.open.append(self)

    def graph(self) -> str:
        """Every topic that the probe knows of: who publishes it, who listens."""

        def names(ends) -> str:
            return ", ".join(sorted(f"{end.node_namespace}/{end.node_name}".replace("//", "/") for end in ends)) or "-"

        return "\n".join(
            f"{topic}: {names(self.node.get_publishers_info_by_topic(topic))} -> "
            f"{names(self.node.get_subscriptions_info_by_topic(topic))}"
            for topic, _ in sorted(self.node.get_topic_names_and_types())
        )

    def close(self) -> None:
        self.open.remove(self)
        self._executor.shutdown()
        self.node.destroy_node()
        self.context.try_shutdown()

    def listen(self, kind, topic: str, quality) -> list:
        """A list that grows by (steady receipt [s], message), each a `Received`."""
        received = []
        self.node.create_subscription(
            kind, topic, lambda message, info: received.append(Received(message, info)), quality
        )
        return received

    @contextlib.contextmanager
    def publisher(self, kind, topic: str, quality=None):
        """A publisher for the time of the block; by default one of states."""
        from gato_ros.nodes.runtime.qos import STATE_OUT

        made = self.node.create_publisher(kind, topic, quality or STATE_OUT)
        try:
            yield made
        finally:
            self.node.destroy_publisher(made)

    def spin(self, seconds: float) -> None:
        end_s = time.monotonic() + seconds
        while (left_s := end_s - time.monotonic()) > 0.0:
            self._executor.spin_once(timeout_sec=left_s)

    def wait(self, done, what: str, limit_s: float = DISCOVERY_LIMIT_S, meanwhile=None, every_s: float = 0.05) -> None:
        """Spin until `done()`, calling `meanwhile()` every so often; fails the test after the limit."""
        end_s = time.monotonic() + limit_s
        while not done():
            assert time.monotonic() < end_s, f"waited {limit_s} s for {what}"
            if meanwhile is not None:
                meanwhile()
            self.spin(every_s)

    def call(self, kind, name: str, request):
        client = self.node.create_client(kind, name)
        self.wait(client.service_is_ready, f"the service {name}")
        futures, end_s = [client.call_async(request)], time.monotonic() + ANSWER_S

        def ask_again() -> None:
            nonlocal end_s
            if time.monotonic() > end_s:
                futures.append(client.call_async(request))
                end_s += ANSWER_S

        self.wait(lambda: any(future.done() for future in futures), f"an answer of {name}", meanwhile=ask_again)
        self.node.destroy_client(client)
        return next(future.result() for future in futures if future.done())

    def stamp(self):
        return self.node.get_clock().now().to_msg()


@pytest.fixture
def probe():
    opened = Probe()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def module_probe():
    opened = Probe()
    yield opened
    opened.close()
