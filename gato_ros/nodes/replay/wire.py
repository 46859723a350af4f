"""An incident's messages in the form in which a replay looks them up."""

from __future__ import annotations

import json
from functools import cached_property

import numpy as np

from gato_ros.data import messages
from gato_ros.data.checks.gaps import begins_with_header
from gato_ros.data.episodes.mcap_channels import Track
from gato_ros.data.incidents.incident import Incident
from gato_ros.embodiments.decoders.decoder import number_at
from gato_ros.embodiments.decoders.registry import decoder_of

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
        """Stamp [s] -> what is wanted of the arm, vx vy vz wz or [values], an opening [m], and what is wanted of a base
        [axes]; of whole proposals."""
        return self._pairs("proposal")

    @cached_property
    def human_proposals(self) -> dict[float, np.ndarray]:
        """The same of a human: vx vy vz wz, or all six components of a twist."""
        return self._pairs("human")

    def _pairs(self, source: str) -> dict[float, np.ndarray]:
        openings = {}
        for track in self._incident.of(f"{source}_gripper"):
            for data in track.data:
                openings[_stamp_s(data, messages.JOINT_STATE)] = messages.read_position(data)
        of_base = self._incident.of(f"{source}_base")
        bases = {
            _stamp_s(data, track.message_type): values
            for track in of_base
            for data in track.data
            if (values := _arm_values(track, data)) is not None
        }
        found = {}
        for track in (*self._incident.of(f"{source}_twist"), *self._incident.of(f"{source}_arm")):
            for data in track.data:
                stamp_s = _stamp_s(data, track.message_type)
                whole = stamp_s in openings and (stamp_s in bases or not of_base)
                if whole and (values := _arm_values(track, data)) is not None:
                    found[stamp_s] = np.concatenate([values, [openings[stamp_s]], bases.get(stamp_s, ())])
        return found

    @cached_property
    def base_commands(self) -> list[tuple[int, float, np.ndarray]]:
        """Receipt [ns], stamp [s] and velocity [axes] of each command to a mobile base."""
        return [
            (stamp_ns, _stamp_s(data, track.message_type), values)
            for track in self._incident.of("base_command")
            for stamp_ns, data in zip(track.stamps_ns, track.data)
            if (values := _arm_values(track, data)) is not None
        ]

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


def _arm_values(track: Track, data: bytes) -> np.ndarray | None:
    """[values] of a message of the arm or of a base, finite or not; None where the message, or the file, says none."""
    if track.metadata["role"].endswith("_twist"):
        return messages.read_twist(data)
    message = messages.read(track.message_type, data)
    number = decoder_of(track.message_type).number or number_at
    try:
        values = [number(message, path) for path in json.loads(track.metadata.get("values", "[]"))]
    except (ValueError, IndexError):
        return None  # a joint is missing: the guard refused it, too
    return np.array(values) if values else None


def _stamp_s(data: bytes, kind: str) -> float:
    stamp = messages.read(kind, data).header.stamp
    return stamp.sec + stamp.nanosec * 1e-9
