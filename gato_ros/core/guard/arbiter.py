"""Who is in command: a human before a policy, and nobody where neither proposes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from gato_ros.core.guard.proposal import Proposal
from gato_ros.core.guard.smoothstep import smoothstep
from gato_ros.core.timing.freshness import Instant, Sample, timing_fault

HUMAN, POLICY, IDLE = "human", "policy", "idle"


@dataclass(frozen=True)
class Choice:
    """The proposal that counts at this instant."""

    source: str
    """human, policy or idle."""
    proposal: Proposal | None
    """What it proposes, usable or not."""
    fault: str | None
    """Why it may not be followed, or None."""
    share: float = 1.0
    """How much of the proposed motion counts: a policy that has the arm back eases in."""


class Arbiter:
    """Chooses among the newest proposals, one per source.

    A human takes over with the first message and is never overruled: one who is there but cannot be followed
    (a clock that runs ahead, a value that is not finite) stops the arm. When the human's messages end, the arm
    comes to rest first; then only what a policy proposes from there on counts, and over `hand_back_ramp_s` more and
    more of it.
    """

    def __init__(self, validity_s: float, future_tolerance_s: float, hand_back_ramp_s: float):
        self._validity_s, self._future_tolerance_s = validity_s, future_tolerance_s
        self._hand_back_ramp_s = hand_back_ramp_s
        self._accept_after_s = self._given_back_s = -math.inf
        self._human_before = False

    def forget(self, now: Instant) -> None:
        """Nothing that was received until now counts any more."""
        self._accept_after_s = now.steady_s

    def choose(self, proposals: Mapping[str, Proposal | None], now: Instant, at_rest: bool) -> Choice:
        """The choice at this instant; `at_rest` tells whether the last command was to stand still."""
        human = self._recent(proposals.get(HUMAN))
        # Written so that a receipt in the future or NaN counts as being there.
        if human is not None and not now.steady_s - human.received_s > self._validity_s:
            self._human_before = True
            return Choice(HUMAN, human, self._fault(human, now))
        if self._human_before:
            if at_rest:
                self._human_before = False
                self._given_back_s = now.steady_s
                self.forget(now)
            return Choice(HUMAN, None, "hand_back")
        policy = self._recent(proposals.get(POLICY))
        fault = self._fault(policy, now)
        there = policy is not None and fault != "stale_proposal"
        share = smoothstep(now.steady_s - self._given_back_s, self._hand_back_ramp_s)
        return Choice(POLICY if there else IDLE, policy, fault, share)

    def _recent(self, proposal: Proposal | None) -> Proposal | None:
        return None if proposal is None or proposal.received_s <= self._accept_after_s else proposal

    def _fault(self, proposal: Proposal | None, now: Instant) -> str | None:
        if proposal is None:
            return "missing_proposal"
        if not proposal.finite:
            return "non_finite_proposal"
        fault = timing_fault(
            Sample(None, proposal.stamp_s, proposal.received_s), now, self._validity_s, self._future_tolerance_s
        )
        return f"{fault}_proposal" if fault else None
