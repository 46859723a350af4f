"""The one plain thread that makes observations and asks the policy; messages and services never wait for it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

import numpy as np
from rclpy.node import Node

from gato_ros.core.observation import Observation
from gato_ros.core.policy import Policy, PolicyUnavailable
from gato_ros.core.prompt import Prompt
from gato_ros.core.timing.freshness import Sample
from gato_ros.core.timing.pace import Pace
from gato_ros.embodiments import Embodiment
from gato_ros.nodes.messages.clocks import instant
from gato_ros.nodes.policy.answers import Answers
from gato_ros.nodes.policy.introspection import Introspection
from gato_ros.nodes.policy.journal import PolicyJournal, in_words
from gato_ros.nodes.policy.observation_assembler import ObservationAssembler
from gato_ros.nodes.policy.proposal_publisher import ProposalPublisher
from gato_ros.nodes.policy.saliency import SaliencyMaps
from gato_ros.nodes.policy.slack import Slack

LATEST_PERIODS = 2.0
"""An action that took longer than so many control periods is not proposed."""


class InferenceThread:
    """Proposes at the control rate while the node is active, proposing is on, and nothing has failed.

    Args:
        tell: publishes the status; called at once when something is wrong or well again.
    """

    def __init__(
        self,
        node: Node,
        robot: Embodiment,
        policy: Policy,
        prompt: Prompt | None,
        assembler: ObservationAssembler,
        proposals: ProposalPublisher,
        journal: PolicyJournal,
        introspection: Introspection,
        answers: Answers,
        saliency: SaliencyMaps,
        proposing: bool,
        tell: Callable[[], object],
    ):
        self._node, self._robot, self._policy, self._assembler = node, robot, policy, assembler
        self._proposals, self._journal, self._introspection, self._tell = proposals, journal, introspection, tell
        self._saliency = saliency
        self._slack = Slack(answers, saliency)
        """What has the time between two actions; a question comes before a map."""
        self.changed = threading.Condition()
        """Held by whoever changes what follows."""
        self.active, self.proposing = False, proposing
        self.prompt = prompt
        """Of the next episode."""
        self.prompt_in_use: Prompt | None = None
        self.failure: str | None = None
        self.faults: tuple[str, ...] = ()
        """Why there is no observation at present."""
        self.unavailable = ""
        """Why the policy did not answer the last observation, though it has not failed."""
        self.counts = {
            "proposed": 0,
            "without_input": 0,
            "late_ticks": 0,
            "late_proposals": 0,
            "unanswered": 0,
            "memory_restarts": 0,
            "held_uncertain": 0,
        }
        self.act_ms: deque[float] = deque(maxlen=400)
        self._stopping, self._restart, self._not_before_s = False, True, 0.0
        self._simulated_time = node.get_parameter("use_sim_time").value
        self._sources: dict[str, float] = {}
        self._assemble_s = 0.0
        self._thread = threading.Thread(target=self._think, name="inference", daemon=True)
        policy.reset(prompt)  # computed now, so that an episode only copies it

    # --- called from the node's callbacks ---

    def start(self) -> None:
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def end(self, limit_s: float) -> None:
        """Wait so long at most for the thread to end."""
        with self.changed:
            self._stopping = True
            self.changed.notify_all()
        if self.alive:
            self._thread.join(timeout=limit_s)

    def offer(self, name: str, value: np.ndarray, stamp_s: float | None) -> None:
        """Take a sensor's newest value and its stamp [s]; None: its receipt is its stamp."""
        now = instant(self._node)
        sample = Sample(value, now.clock_s if stamp_s is None else stamp_s, now.steady_s)
        with self.changed:
            if sample.stamp_s >= self._not_before_s or self._assembler.outlasts(name):
                self._assembler.offer(name, sample)
                if frozen := self._assembler.frozen():
                    self.fail(frozen)
                if name in self._assembler.image_keys:  # nobody waits for the rest
                    self.changed.notify_all()

    def missing(self) -> tuple[str, ...]:
        """Why there would be no observation at this moment."""
        with self.changed:
            return self._assembler.faults(instant(self._node))

    def fail(self, why: str) -> None:
        """Ask for a standstill and propose nothing more until a new episode; the first reason is kept."""
        with self.changed:
            if self.failure is None:
                self.failure = why
                self._proposals.withdraw()
                self._tell()
                self.changed.notify_all()

    def new_episode(self) -> None:
        """Forget what was sensed and what has failed; hold `changed`."""
        # Frames of the episode before may still be on their way.
        self._not_before_s = instant(self._node).clock_s
        self._assembler.clear()
        self.failure, self._restart = None, True
        self.changed.notify_all()

    def propose(self, on: bool) -> None:
        """Propose from a new episode on, or be silent."""
        with self.changed:
            self.proposing, self._restart = on, True
            self.changed.notify_all()

    def activate(self) -> None:
        """What was sensed while the node was inactive counts only where it is fresh, which the observation checks."""
        with self.changed:
            self.active, self._restart = True, True
            self.changed.notify_all()

    def deactivate(self) -> None:
        """Ask for a standstill at once; an action that is under way is not proposed any more."""
        with self.changed:
            self.active = False
            self._proposals.withdraw()
            self.changed.notify_all()

    # --- the thread ---

    def _think(self) -> None:
        period_s, used = 1.0 / self._robot.control_rate_hz, ()
        pace, aligned, acted, gap = Pace(period_s, time.monotonic()), False, False, False
        remembers = self._policy.info.remembers
        while True:
            with self.changed:
                new = self._wait_for_tick(pace, aligned, used)
                if self._stopping:
                    return
                restart, prompt = self._restart, self.prompt
                if new is not None:
                    self._restart = False
                if new is not None and not restart:
                    started_s, now = time.monotonic(), instant(self._node)
                    if new and not aligned:
                        # The first frames of an episode set the phase; until they come there is none to keep.
                        pace, aligned = Pace(period_s, started_s), True
                    used, arrived_s = self._assembler.image_stamps(), self._assembler.images_arrived_s()
                    before, (observation, self.faults) = self.faults, self._assembler.observe(now)
                    self._assemble_s = time.monotonic() - started_s
                    self._sources = {} if self.faults else self._assembler.sources()
                    if self.faults:
                        self._proposals.withdraw()
                    if self.faults != before:
                        self._tell()
            if new is None:
                self._slack.work()
                continue
            if restart:
                # Not under the lock: a prompt that is new takes longer than a tick, and messages go on coming.
                gap = not self._begin_episode(prompt)
                pace, aligned, used, acted = Pace(period_s, time.monotonic()), False, (), False
                continue
            if observation is not None:
                # Memory from before a gap would lie about what happened just now; training knows only a fresh one.
                ready = not gap or self._begin_episode(self.prompt_in_use)
                self.counts["memory_restarts"] += gap and ready
                acted, gap = True, not (ready and self._act(observation))
            else:
                self.counts["without_input"] += 1
                gap = gap or (remembers and acted)
            pace.acted(time.monotonic(), arrived_s)
            self.counts["late_ticks"] += pace.take_missed()

    def _begin_episode(self, prompt: Prompt | None) -> bool:
        """Whether the policy's memory has begun; where its server is away, it is to be tried again."""
        self.prompt_in_use = prompt
        try:
            self._policy.reset(prompt)
        except PolicyUnavailable as error:
            self._stand_without(str(error))
            return False
        except Exception as error:
            self.fail(in_words(error))
            return False
        self._journal.began(prompt)
        self._introspection.began(prompt)
        self._saliency.began()
        return True

    def _wait_for_tick(self, pace: Pace, aligned: bool, used: tuple[float, ...]) -> bool | None:
        """Wait, holding the condition, until an episode begins or a tick is due; whether there are new frames.

        None: before that there is time for a piece of other work.
        """
        cameras = len(self._assembler.image_keys)
        while not self._stopping:
            if self._restart and self.failure is None:
                return False
            if not (self.active and self.proposing) or self.failure is not None:
                if self._slack.waiting:
                    return None
                self.changed.wait()
                continue
            stamps, now_s = self._assembler.image_stamps(), time.monotonic()
            new = 0 < len(stamps) == cameras and (len(used) < cameras or all(a > b for a, b in zip(stamps, used)))
            if new and (not aligned or self._simulated_time or now_s >= pace.earliest_s):
                return True
            if self._simulated_time and cameras and not new:
                if self._slack.waiting:
                    return None
                # The wall clock says nothing about simulated time: one tick per frame, however slow.
                self.changed.wait(1.0 / self._robot.control_rate_hz)
                continue
            # Without cameras there is nothing to wait for beyond the deadline.
            due_s = pace.earliest_s if new else pace.latest_s if cameras else pace.deadline_s
            if now_s >= due_s:
                return new
            # A frame that comes meanwhile starts no tick before `earliest_s`.
            if aligned and self._slack.fits((pace.earliest_s if cameras else due_s) - now_s):
                return None
            self.changed.wait(due_s - now_s)
        return False

    def _stand_without(self, why: str) -> None:
        """Nobody answers for now: ask for a standstill at once, and say so."""
        with self.changed:
            self.counts["unanswered"] += 1
            self._proposals.withdraw()
            if why != self.unavailable:
                self.unavailable = why
                self._tell()

    def _act(self, observation: Observation) -> bool:
        """Propose what the policy answers; False where it was not there to answer."""
        started_s = time.monotonic()
        try:
            decision = self._policy.act(observation)
            vector = decision.action.as_vector()
            if not np.isfinite(vector).all():
                raise FloatingPointError(f"the policy returned {vector}")
            if decision.trace and decision.trace.compiled:
                raise RuntimeError("the policy compiled in mid-episode: its warm-up missed a shape")
        except PolicyUnavailable as error:
            self._stand_without(str(error))
            return False
        except Exception as error:
            self.fail(in_words(error))
            self._journal.write(observation, self._sources, failure=error)
            return True
        took_s, stamp = time.monotonic() - started_s, None
        self.act_ms.append(took_s * 1e3)
        with self.changed:
            was_away, self.unavailable = self.unavailable, ""
            if self._introspection.look(decision) or was_away:
                self._tell()
            if self._introspection.doubt:
                self._proposals.withdraw()
                self.counts["held_uncertain"] += 1
            elif took_s > LATEST_PERIODS / self._robot.control_rate_hz and not self._simulated_time:
                # An answer to what was two ticks ago; under a fresh stamp the guard could not tell.
                self.counts["late_proposals"] += 1
            elif self.failure is None and self.active:
                stamp = self._proposals.publish(decision.action, observation.stamp_s)
                self.counts["proposed"] += 1
        self._introspection.write(decision, self._assemble_s, took_s, time.monotonic() - started_s - took_s)
        self._journal.write(observation, self._sources, decision, stamp)
        self._saliency.acted(observation, decision)
        return True
