"""The policy on a server: killed, stopped, slow, lying and another one; the arm stops, and says why."""

import os
import signal
import subprocess
import sys
import time

import pytest
from std_srvs.srv import Trigger

pytest.importorskip("grpc", reason="needs gRPC: pip install -r requirements/remote.txt")
OURS, OTHER = "ab" * 32, "cd" * 32


class Servers:
    """Policy servers at one port, one after the other, in processes that can be killed."""

    def __init__(self, probe):
        self._probe = probe
        self._process = subprocess.Popen(
            [sys.executable, "tests/ros/faults/policy_server.py"],
            text=True,
            bufsize=1,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        os.set_blocking(self._process.stdout.fileno(), False)
        self._said = ""
        self.port = self.pid = 0

    def start(self, digest: str = OURS) -> None:
        """Another one in the place of the last; it is not there any more."""
        self._process.stdin.write(f"{digest} {self.port}\n")
        self._process.stdin.flush()

        def ready() -> bool:
            # A pipe gives a line in parts now and then.
            self._said += self._process.stdout.readline()
            return self._said.endswith("\n")

        self._probe.wait(ready, "a policy server", every_s=0.01)
        word, pid, port = self._said.split()
        assert word == "ready", self._said
        self._said, self.pid, self.port = "", int(pid), int(port)

    def kill(self) -> float:
        """The instant."""
        at_s = time.monotonic()
        os.kill(self.pid, signal.SIGKILL)
        return at_s

    def close(self) -> None:
        self._process.stdin.close()
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


@pytest.fixture(scope="module")
def servers(module_probe, switch_file):
    made = Servers(module_probe)
    made.start()
    yield made
    made.close()


@pytest.fixture(scope="module")
def running_loop(start_loop, servers):
    """The real policy_node, whose policy is on the server."""
    address = f'policy:="grpc://127.0.0.1:{servers.port}"'
    arguments = ("-m", "gato_ros.nodes.policy_node", "--ros-args", "-r", "__ns:=/sawyer", "-p", address)
    return start_loop(simulated_time=False, policy=arguments)


def through(loop, servers) -> dict[str, int]:
    """What a fault passes that begins in the server."""
    return {"robot": loop.robot.pid, "policy": loop.policy.pid, "server": servers.pid}


@pytest.mark.fault("N1")
def test_a_killed_policy_server_is_answered_by_a_stop(loop, servers, fault_kills):
    for _ in range(fault_kills):
        loop.measure("N1", servers.kill, "SIGKILL of the policy's server", through={"policy": loop.policy.pid})
        loop.probe.wait(lambda: "policy server 127.0.0.1" in loop.policy_says(), "the reason")
        servers.start()
        loop.be_moving()
    assert loop.count("unanswered") > 0 and loop.count("memory_restarts") > 0


@pytest.mark.fault("N1")
def test_a_policy_server_that_stays_away_is_answered_by_a_latch(loop, servers):
    loop.measure("N1", servers.kill, "SIGKILL, and nobody after it", through={"policy": loop.policy.pid})
    loop.is_latched()
    servers.start()
    received = len(loop.arm)
    loop.probe.spin(1.0)
    assert all(not any(message.velocity) for _, message in loop.arm[received:]), "a latch ends by a reset alone"
    loop.be_moving()


@pytest.mark.fault("N2")
def test_a_stopped_policy_server_stops_the_arm(loop, servers, fault_repeat):
    def stop() -> float:
        at_s = time.monotonic()
        os.kill(servers.pid, signal.SIGSTOP)
        return at_s

    for _ in range(fault_repeat):
        try:
            loop.measure("N2", stop, "SIGSTOP of the policy's server", through={"policy": loop.policy.pid})
            loop.probe.wait(lambda: "no answer within" in loop.policy_says(), "the reason")
            loop.is_latched()
        finally:
            os.kill(servers.pid, signal.SIGCONT)
        loop.be_moving()


@pytest.mark.fault("N3")
def test_a_slow_policy_server_stops_the_arm(loop, servers, fault_repeat):
    for _ in range(fault_repeat):
        loop.measure("N3", lambda: loop.set_policy("slow"), "150 ms for an action", through=through(loop, servers))
        loop.probe.wait(lambda: "no answer within" in loop.policy_says(), "the reason")
        loop.well_again()
        loop.be_moving()
    assert loop.count("memory_restarts") > 0


@pytest.mark.fault("N4")
@pytest.mark.parametrize(
    ("lie", "reason"),
    [
        ("nan", "expected a finite twist"),
        ("far", "expected twist in"),
        ("shape", "expected twist of shape (4,), got (6,)"),
        ("old_step", "answers episode and step"),
    ],
)
def test_a_lying_policy_server_is_silenced_until_a_reset(loop, servers, fault_repeat, lie, reason):
    for _ in range(fault_repeat):
        loop.measure("N4", lambda: loop.set_policy(lie), lie, through=through(loop, servers))
        loop.probe.wait(lambda: reason in loop.policy_says(), f"{reason!r}, received: {loop.policy_says()!r}")
        loop.well_again()
        if fault_repeat == 1:
            loop.is_latched()
        loop.reset()
    loop.be_moving()


@pytest.mark.fault("N5")
def test_other_weights_in_the_servers_place_move_nothing(loop, servers):
    loop.measure("N1", servers.kill, "SIGKILL, and other weights after it", through={"policy": loop.policy.pid})
    servers.start(OTHER)
    reason = "expected weights with sha256 abababababab"
    loop.probe.wait(lambda: reason in loop.policy_says(), f"{reason!r}, received: {loop.policy_says()!r}")
    loop.is_latched()
    received = len(loop.arm)
    loop.probe.spin(1.0)
    assert all(not any(message.velocity) for _, message in loop.arm[received:])
    servers.kill()
    servers.start()
    begin = lambda: loop.probe.call(Trigger, "policy_node/reset", Trigger.Request())
    loop.probe.wait(
        lambda: loop.policy_says().startswith("proposing"), "the right server", meanwhile=begin, every_s=0.5
    )
    loop.reset()
    loop.be_moving()


@pytest.mark.fault("N5")
def test_a_node_without_its_server_does_not_start(loop, processes, probe, servers):
    for address, words in (
        ("grpc://127.0.0.1:1", "expected a policy server at 127.0.0.1:1"),
        (f"grpc://127.0.0.1:{servers.port}", "expected a policy server"),  # the loop's own node has it
        ("grpc://192.0.2.1:7412", "expected server_keys for 192.0.2.1:7412"),
        ("grpc://nonsense", "expected HOST:PORT for policy"),
    ):
        node = processes.node("policy_node", "-r", "__node:=second", "-p", f'policy:="{address}"')
        probe.wait(lambda: node.poll() is not None, f"its end with {address}")  # noqa: B023
        said = node.log_path.read_text()
        assert node.returncode == 2 and words in said and len(said.strip().splitlines()) == 1, said
