"""One running loop for many faults: guard_node, policy_node, and a robot whose sensors can be broken."""

import json
import os
import signal
import subprocess
import sys
import time
from itertools import pairwise

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger

from gato_ros.cli.fault_catalogue import load_catalogue
from gato_ros.embodiments import load_embodiment
from gato_ros.nodes.diagnosis import values_of
from gato_ros.nodes.quality import REPORT

CATALOGUE = load_catalogue()
WIRE = load_embodiment().wire
ROOM_MS = 600.0
NO_REACTION_S = 3.0
"""A command that has not decelerated this long after a fault [s] never will."""
WAVERING = 1e-5
"""What a command may be slower than the one before by rounding and noise."""


def reaction_limit_ms(row: str) -> float:
    """What a test allows on a machine that does other things too; `make guard-faults` reports against the bound itself.

    Processes that share two cores with the rest of the suite are now and then not run for some tenths of a second. An
    arm that does not react at all goes on for ever, and the tests ask for the reason as well.
    """
    return 2.0 * CATALOGUE[row].bound_ms + ROOM_MS


class Loop:
    """The nodes, what they say, and the switches of the faults."""

    def __init__(self, processes, probe, folder, record, simulated_time=False):
        self.processes, self.probe, self._record = processes, probe, record
        self.switch = folder / "fault"
        self.switch.write_text("")
        os.environ["GATO_ROS_FAULT_FILE"] = str(self.switch)
        # Deeper than the robot's own subscriptions: not one command may escape.
        self.arm = probe.listen(JointState, WIRE.arm_command, REPORT)
        self.guard_said = probe.listen(DiagnosticStatus, "guard_node/status", REPORT)
        self.policy_said = probe.listen(DiagnosticStatus, "policy_node/status", REPORT)
        self._done = probe.listen(String, "fault/done", REPORT)
        self._set = probe.node.create_publisher(String, "fault/set", REPORT)
        self._number = 0
        clock = ("-p", "use_sim_time:=true") if simulated_time else ()
        self.robot = processes.start("tests/ros/faults/robot.py", *(("--clock",) if simulated_time else ()))
        self._clock = clock
        self.guard = processes.node("guard_node", *clock)
        self._policy_arguments = (
            "tests/ros/faults/scripted_policy_node.py",
            "--ros-args",
            "-r",
            "__ns:=/sawyer",
            "-r",
            "__node:=policy_node",
            "-p",
            "hold_above_entropy:=5.0",
            *clock,
        )
        self.policy = processes.start(*self._policy_arguments)
        probe.wait(lambda: self.arm and self.guard_said and self.policy_said, "the nodes")
        probe.wait(lambda: self._set.get_subscription_count(), "the robot")

    # --- what goes on ---

    def speed(self) -> float:
        return max(map(abs, self.arm[-1][1].velocity))

    def level(self) -> str:
        return self.guard_said[-1][1].message

    def guard_reasons_heard(self) -> str:
        """All reasons that the guard has given lately."""
        return " ".join({values_of(message)["reasons"] for _, message in self.guard_said[-50:]})

    def policy_says(self) -> str:
        message = self.policy_said[-1][1]
        return f"{message.message} {values_of(message)['last_refusal']}"

    def count(self, name: str) -> int:
        """A counter of the policy's status; asks for a newer one than what has been heard."""
        heard = len(self.policy_said)
        self.probe.wait(lambda: len(self.policy_said) > heard, "the policy's status")
        return int(values_of(self.policy_said[-1][1])[name])

    def reset(self, policy: bool = True) -> None:
        """Everything as at the start of an episode; what is not latched needs no reset and moves on."""
        end_s = time.monotonic() + 30.0
        if policy:
            assert self.probe.call(Trigger, "policy_node/reset", Trigger.Request()).success
        while self.level() == "latched" and time.monotonic() < end_s:
            # Refused while something is still wrong.
            refused = self.probe.call(Trigger, "guard_node/reset", Trigger.Request()).message
            self.probe.spin(0.05)
        assert self.level() != "latched", f"the guard refuses to be reset: {refused}"

    def be_moving(self) -> float:
        """Wait for a steady motion; its speed, the largest of all joints [rad/s]."""
        end_s = time.monotonic() + 60.0
        while True:
            self.probe.spin(0.05)
            if self.level() == "latched":
                self.reset()
            recent = [max(map(abs, message.velocity)) for _, message in self.arm[-10:]]
            if min(recent) > 0.05 and max(recent) - min(recent) < 0.01 * max(recent):
                return recent[-1]
            assert time.monotonic() < end_s, f"no steady motion: {self.level()}, {self.policy_says()}"

    def is_latched(self) -> None:
        self.probe.wait(lambda: self.level() == "latched", "the latch")
        self.probe.wait(lambda: self.speed() == 0.0, "zero velocity")

    # --- faults and what answers them ---

    def set_robot(self, mark: str = "now", **settings) -> float:
        """Change the robot's settings (all others are well again); the instant of the first message concerned."""
        self._number += 1
        number = self._number
        self._set.publish(String(data=json.dumps({"number": number, "mark": mark, **settings})))
        answers = lambda: [
            answer["at_s"] for _, message in self._done if (answer := json.loads(message.data))["number"] == number
        ]
        self.probe.wait(answers, "the robot's answer", every_s=0.002)
        return answers()[0]

    def set_policy(self, fault: str) -> float:
        """Switch on a fault of the policy; its first instant."""
        mark = self.switch.with_suffix(".at")
        mark.unlink(missing_ok=True)
        self._write_switch(fault)
        self.probe.wait(mark.exists, "the policy to meet its fault", every_s=0.002)
        return float(mark.read_text())

    def _write_switch(self, fault: str) -> None:
        partial = self.switch.with_suffix(".new")
        partial.write_text(fault)
        partial.replace(self.switch)

    def well_again(self) -> None:
        self._write_switch("")
        self.set_robot()

    def measure(self, row: str, inject, what: str) -> float:
        """Inject a fault into a steady motion; the time to the first slower command [ms], recorded and bounded."""
        self.be_moving()
        at_s = inject()
        before = [max(map(abs, message.velocity)) for t, message in self.arm if t < at_s][-10:]
        slower = lambda: self._decelerates_from(before, at_s)
        end_s = time.monotonic() + NO_REACTION_S
        while slower() is None and time.monotonic() < end_s:
            self.probe.spin(0.005)
        reaction_ms = None if slower() is None else 1e3 * (slower() - at_s)
        self._record(row, what, reaction_ms)
        del self.arm[:-50], self.guard_said[:-50], self.policy_said[:-50], self._done[:-50]
        assert reaction_ms is not None, f"{what}: no deceleration within {NO_REACTION_S} s"
        assert reaction_ms < reaction_limit_ms(row), f"{what}: {reaction_ms:.0f} ms"
        return reaction_ms

    def _decelerates_from(self, before: list[float], at_s: float) -> float | None:
        """When the first command of a deceleration came, after speeds `before`; one that only wavers comes back.

        Each command is compared with the one before it: an arm that was still getting faster is not slower than it
        was a moment ago. What falls no faster than it did by itself is no reaction yet.
        """
        by_itself = max([0.0, *(1.0 - slower / speed for speed, slower in pairwise(before) if speed)])
        began_s, last, fastest = None, before[-1], before[-1]
        for t, message in self.arm:
            speed = max(map(abs, message.velocity))
            if t < at_s:
                continue
            if speed > (1.0 - WAVERING) * last:
                began_s = None
            elif began_s is None and speed < (1.0 - by_itself - WAVERING) * last:
                began_s, fastest = t, last
            last = speed
            if began_s is not None and speed < 0.97 * fastest:
                return began_s
        return None

    def goes_on(self, seconds: float, share: float = 0.8, attempts: int = 12) -> None:
        """The motion is kept for this share of so many seconds, in one attempt of several.

        A busy machine breaks a motion off now and then; what disturbs the loop never lets it go on for that long.
        """
        kept = []
        for _ in range(attempts):
            moving, heard = self.be_moving(), len(self.arm)
            self.probe.spin(seconds)
            speeds = [max(map(abs, message.velocity)) for _, message in self.arm[heard:]]
            kept.append(sum(abs(speed - moving) < 0.01 * moving for speed in speeds) / max(len(speeds), 50 * seconds))
            if kept[-1] > share:
                return
        raise AssertionError(f"shares of the time in which the motion was kept: {kept}")

    def propose(self, on: bool) -> None:
        assert self.probe.call(SetBool, "policy_node/propose", SetBool.Request(data=on)).success

    def restart_guard(self) -> None:
        heard = len(self.guard_said)
        self.guard = self.processes.node("guard_node", *self._clock)
        self.probe.wait(lambda: len(self.guard_said) > heard and self.level() == "latched", "the guard")

    def restart_policy(self) -> None:
        heard = len(self.policy_said)
        self.policy = self.processes.start(*self._policy_arguments)
        self.probe.wait(lambda: len(self.policy_said) > heard, "the policy")


class Stable:
    """Light policies in processes that can be killed one after the other; the next one is always ready."""

    def __init__(self, probe):
        self._probe = probe
        self._process = subprocess.Popen(
            [sys.executable, "tests/ros/faults/policy_stable.py"],
            text=True,
            bufsize=1,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        os.set_blocking(self._process.stdout.fileno(), False)
        self._lines: list[list[str]] = []
        self._begun = ""
        self._order()

    def _order(self) -> None:
        self._process.stdin.write("one more\n")
        self._process.stdin.flush()

    def _read(self) -> None:
        # A pipe gives a line in parts now and then.
        while text := self._process.stdout.readline():
            self._begun += text
            if text.endswith("\n"):
                self._lines.append(self._begun.split())
                self._begun = ""

    def _take(self, word: str) -> str:
        def there() -> bool:
            self._read()
            return any(line[0] == word for line in self._lines)

        self._probe.wait(there, f"a policy to say {word!r}", every_s=0.005)
        line = next(line for line in self._lines if line[0] == word)
        self._lines.remove(line)
        return line[1]

    def start(self) -> int:
        """A policy that proposes; its process id."""
        number = int(self._take("ready"))
        os.kill(number, signal.SIGUSR1)
        self._order()
        return number

    def stamp_ahead(self, number: int) -> float:
        """Its proposals come from the future from now on; the instant of the first."""
        os.kill(number, signal.SIGUSR2)
        return float(self._take("future"))

    def close(self) -> None:
        """Safe to call twice."""
        if self._process.poll() is not None:
            return
        self._process.stdin.close()
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


@pytest.fixture(scope="module")
def loop(module_processes, module_probe, tmp_path_factory, record_injection):
    return Loop(module_processes, module_probe, tmp_path_factory.mktemp("loop"), record_injection)


@pytest.fixture(scope="module")
def simulated_loop(module_processes, module_probe, tmp_path_factory, record_injection):
    return Loop(module_processes, module_probe, tmp_path_factory.mktemp("loop"), record_injection, simulated_time=True)


@pytest.fixture(scope="module")
def stable(module_probe):
    made = Stable(module_probe)
    yield made
    made.close()
