"""The guard's part of a replay: what it was given, what it made of it, and what went over the wire."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from gato_ros.core.guard.arbiter import HUMAN
from gato_ros.core.guard.proposal import Proposal
from gato_ros.core.guard.verdict import Command
from gato_ros.core.records.exact_json import decode, difference
from gato_ros.core.records.journal import repeat
from gato_ros.core.timing.freshness import Instant
from gato_ros.nodes.replay.layer import Layer

if TYPE_CHECKING:
    from gato_ros.nodes.replay.wire import Wire

SAME_MOMENT_S = 1e-6


def replay_guard(wire: Wire) -> list[Layer]:
    """Compare the guard's layers; ValueError for a journal of another version of the package."""
    handover = Layer("handover", "what the guard received is what was proposed on the wire")
    verdict = Layer("verdict", "what the guard decided, and the command it made")
    texts = [text for _, text in wire.guard_journal]
    at_s = {json.loads(text)["n"]: wire.at_s(stamp_ns) for stamp_ns, text in wire.guard_journal}
    seen: set[tuple[str, float]] = set()
    for again in repeat(texts):
        for proposal in _all(Proposal, again.arguments):
            if (proposal.source, proposal.stamp_s) not in seen:
                seen.add((proposal.source, proposal.stamp_s))
                _compare_proposal(handover, wire, proposal, at_s[again.number])
        if not again.judged:
            verdict.skip("the guard's state is not known yet")
        else:
            where, recorded, replayed = difference(again.recorded, again.repeated) if not again.equal else ("", "", "")
            verdict.compare(
                again.equal, at_s[again.number], ".".join(filter(None, (again.call, where))), recorded, replayed
            )
    return [handover, verdict, _commands(wire)]


def _compare_proposal(layer: Layer, wire: Wire, proposal: Proposal, at_s: float) -> None:
    sent = (wire.human_proposals if proposal.source == HUMAN else wire.proposals).get(proposal.stamp_s)
    if sent is None:
        return layer.skip("the proposal is not in the recording")
    got = np.concatenate([proposal.twist, [proposal.gripper_opening_m], getattr(proposal, "base", ())])
    layer.compare(sent.tobytes() == got.tobytes(), at_s, "proposal", sent, got)


def _all(kind: type, value: Any) -> Iterator[Any]:
    """The values of a kind among nested ones."""
    if isinstance(value, kind):
        yield value
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from _all(kind, item)
    elif isinstance(value, dict):
        yield from _all(kind, list(value.values()))


def _commands(wire: Wire) -> Layer:
    """Each command is stamped after the step that made it and before the next."""
    layer = Layer("command", "what went to the robot is what the guard commanded")
    clocks, made, whole = [], [], []
    last = None
    for _, text in wire.guard_journal:
        entry = json.loads(text)
        if last is not None and entry["n"] != last + 1 and whole:
            whole[-1] = False  # a step may be missing behind this one
        last = entry["n"]
        if entry.get("call") == "step":
            now = next(_all(Instant, decode(entry["arguments"])), None)
            command = next(_all(Command, decode(entry["result"])), None)
            if now is not None and command is not None:
                clocks.append(now.clock_s)
                made.append(command)
                whole.append(True)
    clocks = np.array(clocks)
    for _ in range(wire.other_commands):
        layer.skip("sent in another form than joint velocities by name")
    for sent, name in ((wire.commands, "joint_velocity"), (wire.base_commands, "base_velocity")):
        _compare_sent(layer, wire, sent, name, clocks, made, whole)
    return layer


def _compare_sent(
    layer: Layer,
    wire: Wire,
    sent: list[tuple[int, float, np.ndarray]],
    name: str,
    clocks: np.ndarray,
    made: list[Command],
    whole: list[bool],
) -> None:
    """Compare commands `sent` with those that the guard `made` at `clocks` [s], by their attribute `name`."""
    for stamp_ns, stamp_s, velocity in sent:
        last_before = int(np.searchsorted(clocks, stamp_s, side="right")) - 1
        if not 0 <= last_before < len(clocks) - 1 or not whole[last_before]:
            layer.skip("the step that made it is not in the recording")
            continue
        # Simulated time stands still between steps: any of one moment may have made it.
        same = np.flatnonzero(np.abs(clocks - clocks[last_before]) < SAME_MOMENT_S)
        layer.compare(
            velocity.tobytes() in [getattr(made[i], name).tobytes() for i in same],
            wire.at_s(stamp_ns),
            name,
            velocity,
            getattr(made[last_before], name),
        )
