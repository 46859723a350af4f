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

from gato_ros.bench.guard.fault_catalogue import load_catalogue
from gato_ros.embodiments import load_embodiment
from gato_ros.nodes.messages.diagnosis import values_of
from gato_ros.nodes.runtime.parameters import GuardParameters
from gato_ros.nodes.runtime.qos import REPORT

CATALOGUE = load_catalogue()
WIRE = load_embodiment().wire
GUARD = GuardParameters()
STEPS_A_S = 1.2 * GUARD.rate_hz
"""A proposal is answered by a step of its own, and the next is due a period later: up to so many in a second."""
FEWEST_STEPS = 3
"""Allowed in any case: one may be under way at the fault, and the one that answers is slower by enough to be seen."""
NO_REACTION_S = {True: 3.0, False: 60.0}
"""A command that has not decelerated this long after a fault [s] never will; the first is for a quiet machine."""
WAVERING, STEADY = 1e-5, 0.01
"""What a command may be slower than the one before by rounding and noise; what a steady motion varies by."""
FOLLOWING = ("ok", "limited")
SCRIPTED = (
    "tests/ros/faults/scripted_policy_node.py",
    "--ros-args",
    "-r",
    "__ns:=/sawyer",
    "-r",
    "__node:=policy_node",
    "-p",
    "hold_above_entropy:=5.0",
)
"""The program and arguments of the loop's policy."""


def reaction_limit_ms(row: str) -> float:
    """What `make guard-faults` allows for before it fails; it reports against the bound itself."""
    return 2.0 * CATALOGUE[row].bound_ms + 600.0


class Loop:
    """The nodes, what they say, and the switches of the faults."""

    def __init__(self, processes, probe, switch, record, stalls, timed, simulated_time=False, policy=SCRIPTED):
        self.processes, self.probe, self._record = processes, probe, record
        self._stalls, self._timed = stalls, timed
        self._broken, self._by_hand = False, True
        self.switch = switch
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
        self._policy_arguments = (*policy, *clock)
        self.policy = processes.start(*self._policy_arguments)
        probe.wait(lambda: self.arm and self.guard_said and self.policy_said, "the nodes")
        probe.wait(lambda: self._set.get_subscription_count(), "the robot")

    # --- what goes on ---

    def speed(self) -> float:
        return max(map(abs, self.arm[-1][1].velocity))

    def level(self) -> str:
        return self.guard_said[-1][1].message

    def guard_reasons_received(self) -> str:
        """All reasons that the guard has given lately."""
        return " ".join({values_of(message)["reasons"] for _, message in self.guard_said[-50:]})

    def policy_says(self) -> str:
        message = self.policy_said[-1][1]
        return f"{message.message} {values_of(message)['last_refusal']}"

    def count(self, name: str) -> int:
        """A counter of the policy's status; asks for a newer one than what has been received."""
        received = len(self.policy_said)
        self.probe.wait(lambda: len(self.policy_said) > received, "the policy's status")
        return int(values_of(self.policy_said[-1][1])[name])

    def reset(self, policy: bool = True) -> None:
        """Everything as at the start of an episode; what is not latched needs no reset and moves on."""
        if policy:
            assert self.probe.call(Trigger, "policy_node/reset", Trigger.Request()).success
        end_s, refused = time.monotonic() + 60.0, ""
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

    def is_broken_off(self, at_s: float) -> bool:
        """Whether the guard has stopped following in its first steps after an instant."""
        since = lambda: [one for one in self.guard_said if one.sent_s > at_s]
        self.probe.wait(lambda: len(since()) > 20, "the guard's next steps", every_s=0.01)
        return any(one[1].message not in FOLLOWING for one in since())

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
        self._by_hand = False
        return answers()[0]

    def set_policy(self, fault: str) -> float:
        """Switch on a fault of the policy; its first instant."""
        mark = self.switch.with_suffix(".at")
        mark.unlink(missing_ok=True)
        self._write_switch(fault)
        self.probe.wait(mark.exists, "the policy to meet its fault", every_s=0.002)
        self._by_hand = False
        return float(mark.read_text())

    def _write_switch(self, fault: str) -> None:
        partial = self.switch.with_suffix(".new")
        partial.write_text(fault)
        partial.replace(self.switch)

    def well_again(self) -> None:
        self._write_switch("")
        self.set_robot()
        self._broken = False

    def mend(self) -> None:
        """After a test that has failed: the next one, or its second try, begins with a loop that is well."""
        if self._broken and self.guard.poll() is None and self.policy.poll() is None:
            self.well_again()

    def measure(self, row: str, inject, what: str, through: dict[str, int] | None = None) -> None:
        """Inject a fault into a steady motion; a slower command has to follow in time.

        In `make guard-faults` time is milliseconds, to its receipt. In the suite it is the guard's own steps: so many
        as fit into the row's bound and into what the machine kept the others from doing meanwhile. A guard that the
        machine does not run makes no steps, and needs no allowance.

        Args:
            through: name -> process id of what the fault passes through beside the guard; None: robot and policy.
        """
        self.be_moving()
        since = max(0, len(self.arm) - 50), len(self.guard_said)
        through = {"robot": self.robot.pid, "policy": self.policy.pid} if through is None else through
        stalls = self._stalls(no_main=("guard",), guard=self.guard.pid, **through)
        self._broken = self._by_hand = True
        at_s = inject()
        stalls.has_done("the test") if self._by_hand else stalls.is_elsewhere("the test")
        before = [one for one in self.arm[since[0] :] if one.sent_s < at_s][-10:]
        slower = lambda: self._decelerates_from(before, [one for one in self.arm[since[0] :] if one.sent_s >= at_s])
        end_s = time.monotonic() + NO_REACTION_S[self._timed]
        while (answer := slower()) is None and time.monotonic() < end_s:
            self.probe.spin(0.005)
        reaction_ms = None if answer is None else 1e3 * (answer[0] - at_s)
        self._record(row, what, reaction_ms)
        assert answer is not None, f"{what}: no deceleration within {NO_REACTION_S[self._timed]} s; {stalls}"
        if self._timed:
            assert reaction_ms < reaction_limit_ms(row), f"{what}: {reaction_ms:.0f} ms"
        else:
            steps = answer.number - before[-1].number
            most = FEWEST_STEPS + STEPS_A_S * stalls.limit_s(1e-3 * CATALOGUE[row].bound_ms)
            found = (
                f"{row}, {what}: the guard decelerated in its step {steps} after the fault, "
                f"{1e3 * (answer.sent_s - at_s):.0f} ms (received after {reaction_ms:.0f}); "
                f"{most:.0f} steps are allowed; {stalls}"
            )
            print(found)
            assert steps <= most, found
            self._follows_nothing_old(at_s, since[1])
        del self.arm[:-50], self.guard_said[:-50], self.policy_said[:-50], self._done[:-50]

    def _follows_nothing_old(self, at_s: float, since: int) -> None:
        """No step of the guard, however long the machine let it wait, follows what is older than it may be."""
        for one in self.guard_said[since:]:
            values = values_of(one[1])
            if one.sent_s < at_s or one[1].message not in FOLLOWING:
                continue
            for age, limit_s in (
                ("proposal_age_ms", GUARD.proposal_validity_s),
                ("state_age_ms", WIRE.joint_states.max_age_s),
            ):
                assert float(values[age]) <= 1e3 * limit_s + 0.05, f"a step followed {age} {values[age]}"

    def _decelerates_from(self, before: list, after: list):
        """The first command of a deceleration among those `after` a fault; one that only wavers comes back.

        Each command is compared with the one before it: an arm that was still getting faster is not slower than it
        was a moment ago. What falls no faster than it did by itself is no reaction yet.
        """
        speed = lambda received: max(map(abs, received[1].velocity))
        speeds = [speed(received) for received in before]
        by_itself = max([0.0, *(1.0 - slower / faster for faster, slower in pairwise(speeds) if faster)])
        # A machine that broke the motion off just now has hidden the fault's own answer: its stop is the fault's.
        by_itself = min(by_itself, STEADY)
        began, last, fastest = None, speeds[-1], speeds[-1]
        for received in after:
            now = speed(received)
            if now > (1.0 - WAVERING) * last:
                began = None
            elif began is None and now < (1.0 - by_itself - WAVERING) * last:
                began, fastest = received, last
            last = now
            if began is not None and now < 0.97 * fastest:
                return began
        return None

    def goes_on(self, seconds: float, share: float = 0.8, attempts: int = 12) -> None:
        """The motion is kept for this share of so many seconds, in one attempt of several.

        A busy machine breaks a motion off now and then; what disturbs the loop never lets it go on for that long.
        """
        kept = []
        for _ in range(attempts):
            moving, received = self.be_moving(), len(self.arm)
            self.probe.spin(seconds)
            speeds = [max(map(abs, message.velocity)) for _, message in self.arm[received:]]
            kept.append(sum(abs(speed - moving) < 0.01 * moving for speed in speeds) / max(len(speeds), 50 * seconds))
            if kept[-1] > share:
                return
        raise AssertionError(f"shares of the time in which the motion was kept: {kept}")

    def propose(self, on: bool) -> None:
        assert self.probe.call(SetBool, "policy_node/propose", SetBool.Request(data=on)).success

    def restart_guard(self) -> None:
        received = len(self.guard_said)
        self.guard = self.processes.node("guard_node", *self._clock)
        self.probe.wait(lambda: len(self.guard_said) > received and self.level() == "latched", "the guard")

    def restart_policy(self) -> None:
        received = len(self.policy_said)
        self.policy = self.processes.start(*self._policy_arguments)
        self.probe.wait(lambda: len(self.policy_said) > received, "the policy")


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
def switch_file(tmp_path_factory):
    """Its text is the fault of the policy; processes that are started later find it by the environment."""
    switch = tmp_path_factory.mktemp("loop") / "fault"
    switch.write_text("")
    os.environ["GATO_ROS_FAULT_FILE"] = str(switch)
    return switch


@pytest.fixture(scope="module")
def start_loop(module_processes, module_probe, switch_file, record_injection, stalls, timed):
    def start(simulated_time: bool, policy: tuple[str, ...] = SCRIPTED) -> Loop:
        return Loop(
            module_processes, module_probe, switch_file, record_injection, stalls, timed, simulated_time, policy
        )

    return start


@pytest.fixture(scope="module")
def running_loop(start_loop):
    return start_loop(simulated_time=False)


@pytest.fixture(scope="module")
def running_simulated_loop(start_loop):
    return start_loop(simulated_time=True)


@pytest.fixture
def loop(running_loop):
    yield running_loop
    running_loop.mend()


@pytest.fixture
def simulated_loop(running_simulated_loop):
    yield running_simulated_loop
    running_simulated_loop.mend()


@pytest.fixture(scope="module")
def stable(module_probe):
    made = Stable(module_probe)
    yield made
    made.close()
