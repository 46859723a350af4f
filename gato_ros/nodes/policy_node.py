"""policy_node: observations in, proposals out. It never commands the robot: guard_node does."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from pathlib import Path

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from std_srvs.srv import SetBool, Trigger

from gato_ros.core.errors import SetupError
from gato_ros.core.freshness import Sample
from gato_ros.core.observation import Observation
from gato_ros.core.pace import Pace
from gato_ros.core.policy import HoldPolicy, Policy
from gato_ros.core.prompt import Prompt
from gato_ros.embodiments import Embodiment, load_embodiment
from gato_ros.nodes.clocks import instant, seconds
from gato_ros.nodes.diagnosis import ERROR, OK, WARN, Diagnosis, status
from gato_ros.nodes.introspection import Introspection
from gato_ros.nodes.observation_assembler import ObservationAssembler
from gato_ros.nodes.parameters import PolicyParameters
from gato_ros.nodes.policy_journal import PolicyJournal
from gato_ros.nodes.process import Stop, run_node
from gato_ros.nodes.prompt import load_prompt
from gato_ros.nodes.proposal_publisher import ProposalPublisher
from gato_ros.nodes.quality import REPORT
from gato_ros.nodes.sensor_subscriptions import SensorSubscriptions

NAME = "policy_node"
LATEST_PERIODS = 2.0
"""An action that took longer than so many control periods is not proposed."""


def make_policy(name: str, robot: Embodiment, compilation_cache: str, precision: str) -> Policy:
    """`hold`, or the policy in that directory, warmed up; SetupError where there is none that fits."""
    if name == "hold":
        return HoldPolicy()
    from gato_ros.models.compilation import keep_compiled
    from gato_ros.models.policy import GatoPolicy

    keep_compiled(compilation_cache)
    policy = GatoPolicy.from_directory(Path(name), robot, precision=precision or None)
    policy.warm_up()
    return policy


class PolicyNode:
    """Callbacks keep the newest message; one thread makes observations and proposes at the control rate."""

    def __init__(self, node: Node, parameters: PolicyParameters):
        self._node = node
        self._robot = robot = load_embodiment(parameters.embodiment)
        self._policy = make_policy(parameters.policy, robot, parameters.compilation_cache, parameters.precision)
        self._prompt = load_prompt(parameters.prompt, parameters.prompt_part, self._policy, robot)
        self._prompt_in_use: Prompt | None = None
        self._policy.reset(self._prompt)  # computed now, so that an episode only copies it
        self._assembler = ObservationAssembler(robot, self._policy.observation_keys, parameters.future_tolerance_s)
        self._set_task(parameters.task)
        self._changed = threading.Condition()
        self._proposing, self._stopping, self._restart = parameters.propose_at_start, False, True
        self._not_before_s = 0.0
        self._simulated_time = node.get_parameter("use_sim_time").value
        self._failure: str | None = None
        self._counts = {"proposed": 0, "without_input": 0, "late_ticks": 0, "late_proposals": 0, "memory_restarts": 0,
                        "held_uncertain": 0}
        self._faults: tuple[str, ...] = ()
        self._silent: tuple[str, ...] = ()
        self._act_ms: deque[float] = deque(maxlen=400)

        self._proposals = ProposalPublisher(node, robot)
        self._status = node.create_publisher(DiagnosticStatus, "~/status", REPORT)
        self._diagnosis = Diagnosis(node)
        self._sensors = SensorSubscriptions(node, robot, self._assembler, self._offer, self._fail)
        self._journal = PolicyJournal(node, self._policy, robot, parameters)
        self._introspection, self._assemble_s = Introspection(node, self._policy, parameters.hold_above_entropy), 0.0
        self._sources: dict[str, float] = {}
        node.create_timer(1.0, self._diagnose)
        node.create_timer(0.1, self._look_for_silence)
        # Last, so that whoever waits for the services finds a policy that is warm.
        node.create_service(Trigger, "~/reset", self._on_reset)
        node.create_service(SetBool, "~/propose", self._on_propose)
        node.create_service(Trigger, "~/reload_prompt", self._on_reload_prompt)

    def _offer(self, name: str, value, stamp) -> None:
        sample = Sample(value, seconds(stamp), time.monotonic())
        with self._changed:
            if sample.stamp_s >= self._not_before_s:
                self._assembler.offer(name, sample)
                if frozen := self._assembler.frozen():
                    self._fail(frozen)
                if name in self._assembler.image_keys:  # nobody waits for the rest
                    self._changed.notify_all()

    def _fail(self, why: str) -> None:
        """Ask for a standstill and propose nothing more until ~/reset; the first reason is kept."""
        with self._changed:
            if self._failure is None:
                self._failure = why
                self._proposals.withdraw()
                self._tell()
                self._changed.notify_all()

    def _set_task(self, task: str) -> None:
        self._assembler.set_task(task)
        if self._assembler.texts:
            self._policy.check_texts(self._assembler.texts)

    def _on_reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        with self._changed:
            try:
                self._set_task(self._node.get_parameter("task").value)
            except SetupError as error:
                # The episode before must not go on with a task that was withdrawn.
                self._failure = None
                self._fail(str(error))
                response.success, response.message = False, str(error)
                return response
            # Frames of the episode before may still be on their way.
            self._not_before_s = instant(self._node).clock_s
            self._assembler.clear()
            self._failure, self._restart = None, True
            self._changed.notify_all()
        response.success, response.message = True, "a new episode"
        return response

    def _on_propose(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        with self._changed:
            self._proposing, self._restart = request.data, True
            self._changed.notify_all()
        self._diagnose()  # at once: a guard that stops now has no incident
        response.success, response.message = True, "proposing" if request.data else "silent"
        return response

    def _on_reload_prompt(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        """Read the file that the parameters name; episodes follow it from the next ~/reset or ~/propose on."""
        name, part = (self._node.get_parameter(key).value for key in ("prompt", "prompt_part"))
        try:
            prompt = load_prompt(name, part, self._policy, self._robot)
        except SetupError as error:
            response.success, response.message = False, str(error)
            return response
        with self._changed:
            self._prompt = prompt
        response.success, response.message = True, f"from the next episode on: {prompt or 'no prompt'}"
        return response

    def _think(self) -> None:
        """The body of the inference thread."""
        period_s, used = 1.0 / self._robot.control_rate_hz, ()
        pace, aligned, acted, gap = Pace(period_s, time.monotonic()), False, False, False
        remembers = getattr(self._policy, "remembers", False)
        while True:
            with self._changed:
                new = self._wait_for_tick(pace, aligned, used)
                if self._stopping:
                    return
                restart, self._restart, prompt = self._restart, False, self._prompt
                if not restart:
                    started_s, now = time.monotonic(), instant(self._node)
                    if new and not aligned:
                        # The first frames of an episode set the phase; until they come there is none to keep.
                        pace, aligned = Pace(period_s, started_s), True
                    used, arrived_s = self._assembler.image_stamps(), self._assembler.images_arrived_s()
                    before, (observation, self._faults) = self._faults, self._assembler.observe(now)
                    self._assemble_s = time.monotonic() - started_s
                    self._sources = {} if self._faults else self._assembler.sources()
                    if self._faults:
                        self._proposals.withdraw()
                    if self._faults != before:
                        self._tell()
            if restart:
                # Not under the lock: a prompt that is new takes longer than a tick, and messages go on coming.
                self._begin_episode(prompt)
                pace, aligned, used, acted, gap = Pace(period_s, time.monotonic()), False, (), False, False
                continue
            if observation is not None:
                # Memory from before a gap would lie about what happened just now; training knows only a fresh one.
                ready = not gap or self._begin_episode(self._prompt_in_use)
                self._counts["memory_restarts"] += gap
                if ready:
                    self._propose(observation)
                acted, gap = True, False
            else:
                self._counts["without_input"] += 1
                gap = remembers and acted
            pace.acted(time.monotonic(), arrived_s)
            self._counts["late_ticks"] += pace.take_missed()

    def _begin_episode(self, prompt: Prompt | None) -> bool:
        try:
            self._policy.reset(prompt)
        except Exception as error:
            self._fail(f"{type(error).__name__}: {error}")
            return False
        self._prompt_in_use = prompt
        self._journal.began(prompt)
        self._introspection.began(prompt)
        return True

    def _wait_for_tick(self, pace: Pace, aligned: bool, used: tuple[float, ...]) -> bool:
        """Wait, holding the condition, until an episode begins or a tick is due; whether there are new frames."""
        cameras = len(self._assembler.image_keys)
        while not self._stopping:
            if self._restart and self._failure is None:
                return False
            if not self._proposing or self._failure is not None:
                self._changed.wait()
                continue
            stamps, now_s = self._assembler.image_stamps(), time.monotonic()
            new = 0 < len(stamps) == cameras and (len(used) < cameras or all(a > b for a, b in zip(stamps, used)))
            if new and (not aligned or self._simulated_time or now_s >= pace.earliest_s):
                return True
            if self._simulated_time and cameras and not new:
                # The wall clock says nothing about simulated time: one tick per frame, however slow.
                self._changed.wait(1.0 / self._robot.control_rate_hz)
                continue
            # Without cameras there is nothing to wait for beyond the deadline.
            due_s = pace.earliest_s if new else pace.latest_s if cameras else pace.deadline_s
            if now_s >= due_s:
                return new
            self._changed.wait(due_s - now_s)
        return False

    def _propose(self, observation: Observation) -> None:
        started_s, compiled = time.monotonic(), getattr(self._policy, "compilations", 0)
        try:
            action = self._policy.act(observation)
            if not np.isfinite(action.as_vector()).all():
                raise FloatingPointError(f"the policy returned {action.as_vector()}")
            if getattr(self._policy, "compilations", 0) != compiled:
                raise RuntimeError("the policy compiled in mid-episode: its warm-up missed a shape")
        except Exception as error:
            failure = f"{type(error).__name__}: {error}"
            self._fail(failure)
            return self._journal.write(observation, self._sources, failure=failure)
        took_s, stamp = time.monotonic() - started_s, None
        self._act_ms.append(took_s * 1e3)
        with self._changed:
            if self._introspection.look():
                self._tell()
            if self._introspection.doubt:
                self._proposals.withdraw()
                self._counts["held_uncertain"] += 1
            elif took_s > LATEST_PERIODS / self._robot.control_rate_hz and not self._simulated_time:
                # An answer to what was two ticks ago; under a fresh stamp the guard could not tell.
                self._counts["late_proposals"] += 1
            elif self._failure is None:
                stamp = self._proposals.publish(action, observation.stamp_s)
                self._counts["proposed"] += 1
        self._introspection.write(action, self._assemble_s, took_s, time.monotonic() - started_s - took_s)
        self._journal.write(observation, self._sources, action, stamp)

    def _look_for_silence(self) -> None:
        before, self._silent = self._silent, self._sensors.silent()
        if self._silent != before:
            self._tell()

    def _diagnose(self) -> None:
        self._diagnosis.publish(self._tell())

    def _tell(self) -> DiagnosticStatus:
        """Publish ~/status: every second, and at once when something is wrong or well again."""
        if self._failure is not None:
            level, message = ERROR, self._failure
        elif (self._faults or self._silent) and self._proposing:
            level, message = WARN, "; ".join((*self._silent, *self._faults))
        elif self._introspection.doubt and self._proposing:
            level, message = WARN, self._introspection.doubt
        elif self._proposals.mismatch:
            level, message = WARN, self._proposals.mismatch
        else:
            level, message = OK, "proposing" if self._proposing else "silent"
        act = {} if not self._act_ms else {"act_ms_p50": f"{np.percentile(list(self._act_ms), 50):.2f}",
                                           "act_ms_p99": f"{np.percentile(list(self._act_ms), 99):.2f}"}
        item = status(self._node, self._robot.name, level, message,
                      self._counts | {"refused_messages": self._sensors.refused,
                                      "last_refusal": self._sensors.last_refusal,
                                      "repeated_messages": self._assembler.repeated,
                                      "clipped_values": self._assembler.clipped} | act | self._prompt_shown())
        self._status.publish(item)
        return item

    def _prompt_shown(self) -> dict[str, str]:
        waiting = {} if self._prompt is self._prompt_in_use else {"next_prompt": str(self._prompt or "none")}
        return {"prompt": str(self._prompt_in_use or "none"), **waiting}

    def run(self, stop: Stop) -> None:
        thinker = threading.Thread(target=self._think, name="inference", daemon=True)
        thinker.start()
        executor = SingleThreadedExecutor()
        executor.add_node(self._node)
        while not stop and thinker.is_alive():
            executor.spin_once(timeout_sec=0.1)
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        thinker.join(timeout=2.0)
        if not stop:
            raise RuntimeError("the inference thread ended by itself")


def main() -> int:
    return run_node(NAME, PolicyParameters, PolicyNode)


if __name__ == "__main__":
    sys.exit(main())
