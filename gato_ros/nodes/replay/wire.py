"""An incident's messages in the form in which a replay looks them up."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from gato_ros.data import messages
from gato_ros.data.checks.gaps import begins_with_header
from gato_ros.data.incidents.incident import Incident

STRING = "std_msgs/msg/String"


class Wire:
    """What crossed the wire. Stamps are seconds, computed as the nodes compute them: equal to the bit."""

    def __init__(self, incident: Incident):
        self._incident = incident

    def at_s(self, stamp_ns: int) -> float:
        """A receipt relative to the latch [s]."""
        return (stamp_ns - self._incident.about["at_ns"]) * 1e-9

    def _texts(self, role: str) -> list[tuple[int, str]]:
        return [
            (stamp_ns, line)
            for track in self._incident.of(role)
            for stamp_ns, data in zip(track.stamps_ns, track.data)
            for line in messages.read(STRING, data).data.splitlines()
        ]

    @cached_property
    def guard_journal(self) -> list[tuple[int, str]]:
        """Receipt [ns] and text of each entry."""
        return self._texts("guard_journal")

    @cached_property
    def policy_journal(self) -> list[tuple[int, str]]:
        """Receipt [ns] and text of each entry."""
        return self._texts("policy_journal")

    @cached_property
    def proposals(self) -> dict[float, np.ndarray]:
        """Stamp [s] -> [5] vx vy vz wz opening; both halves have to be there."""
        return self._pairs("proposal")

    @cached_property
    def human_proposals(self) -> dict[float, np.ndarray]:
        """The same of a human."""
        return self._pairs("human")

    def _pairs(self, source: str) -> dict[float, np.ndarray]:
        openings = {}
        for track in self._incident.of(f"{source}_gripper"):
            for data in track.data:
                openings[_stamp_s(data, messages.JOINT_STATE)] = messages.read_position(data)
        found = {}
        for track in self._incident.of(f"{source}_twist"):
            for data in track.data:
                stamp_s = _stamp_s(data, messages.TWIST)
                if stamp_s in openings:
                    found[stamp_s] = np.append(messages.read_twist(data), openings[stamp_s])
        return found

    @cached_property
    def commands(self) -> list[tuple[int, float, np.ndarray]]:
        """Receipt [ns], stamp [s] and joint velocities [rad/s] of each arm command."""
        return [
            (
                stamp_ns,
                _stamp_s(data, messages.JOINT_STATE),
                np.array(messages.read(messages.JOINT_STATE, data).velocity, np.float64),
            )
            for track in self._incident.of("arm_command")
            if track.message_type == messages.JOINT_STATE
            for stamp_ns, data in zip(track.stamps_ns, track.data)
        ]

    @property
    def other_commands(self) -> int:
        """Arm commands in another form than joint velocities by name (`arm_command_kind` of the contract)."""
        return sum(
            len(track.data) for track in self._incident.of("arm_command") if track.message_type != messages.JOINT_STATE
        )

    @cached_property
    def inputs(self) -> dict[str, dict[float, bytes]]:
        """Contract key of an image, or `joints` or `gripper` -> stamp [s] -> message; the first of equal stamps."""
        found: dict[str, dict[float, bytes]] = {}
        for role in ("image", "channel", "joints", "gripper"):
            for track in self._incident.of(role):
                if not begins_with_header(track.message_type):
                    continue  # which of them it was, only a stamp could say
                by_stamp = found.setdefault(track.metadata.get("key", role), {})
                for data in track.data:
                    by_stamp.setdefault(_stamp_s(data, track.message_type), data)
        return found


def _stamp_s(data: bytes, kind: str) -> float:
    stamp = messages.read(kind, data).header.stamp
    return stamp.sec + stamp.nanosec * 1e-9
