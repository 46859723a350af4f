"""tf2_msgs/TFMessage: where one frame is in another, by the chain of transforms between them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from gato_ros.core.rotation import quat_xyzw_from_matrix
from gato_ros.core.sensing.rotation_kinds import matrix_of_quaternion
from gato_ros.embodiments.decoders.decoder import Decoder, Refused

TF, TF_STATIC = "/tf", "/tf_static"
TF_TYPE = "tf2_msgs/msg/TFMessage"
LOOKUP = Decoder("a transform", {"position": "vector", "rotation": "rotation"}, stamped=True)
"""The fields of a channel that is a lookup."""


@dataclass(frozen=True)
class Triple:
    """x y z, and w of a quaternion."""

    x: float
    y: float
    z: float
    w: float = 1.0


@dataclass(frozen=True)
class Looked:
    """Where `frame` is: what a message with a pose would say."""

    position: Triple
    rotation: Triple
    stamp_s: float
    """Of the oldest transform in the chain [s]; infinite where all are static."""


@dataclass(frozen=True)
class _Edge:
    parent: str
    place: np.ndarray
    turn: np.ndarray
    stamp_s: float


class TransformLookup:
    """Collects transforms, and looks one up after each message that changes it. One thread."""

    def __init__(self, frame: str, in_frame: str):
        self.frame, self.in_frame = frame, in_frame
        self._edges: dict[str, _Edge] = {}

    def take(self, message: Any, static: bool) -> Looked | None:
        """A message of /tf, or of /tf_static; the lookup, if it concerns it.

        Raises:
            Refused: a transform that is not finite, or no rotation; two parents that form a ring.
        """
        changed = set()
        for one in message.transforms:
            self._edges[one.child_frame_id] = self._edge(one, static)
            changed.add(one.child_frame_id)
        return self._look(changed)

    def _edge(self, one: Any, static: bool) -> _Edge:
        shift, turn = one.transform.translation, one.transform.rotation
        place = np.array([shift.x, shift.y, shift.z], np.float64)
        try:
            matrix = matrix_of_quaternion(np.array([turn.x, turn.y, turn.z, turn.w], np.float64))
        except ValueError as error:
            raise Refused(f"{one.child_frame_id}: {error}") from None
        if not np.isfinite(place).all():
            raise Refused(f"{one.child_frame_id}: not finite")
        stamp = one.header.stamp
        return _Edge(one.header.frame_id, place, matrix, math.inf if static else stamp.sec + stamp.nanosec * 1e-9)

    def _look(self, changed: set[str]) -> Looked | None:
        up, down = self._to_root(self.frame), self._to_root(self.in_frame)
        common = next((frame for frame in up if frame in down), None)
        if common is None:
            return None
        chain = up[: up.index(common)], down[: down.index(common)]
        if changed.isdisjoint({*chain[0], *chain[1]}):
            return None
        place, turn = self._pose(chain[0])
        base, base_turn = self._pose(chain[1])
        place, turn = base_turn.T @ (place - base), base_turn.T @ turn
        stamp_s = min((self._edges[frame].stamp_s for part in chain for frame in part), default=math.inf)
        return Looked(Triple(*map(float, place)), Triple(*map(float, quat_xyzw_from_matrix(turn))), stamp_s)

    def _to_root(self, frame: str) -> list[str]:
        found = [frame]
        while (edge := self._edges.get(found[-1])) is not None:
            if edge.parent in found:
                raise Refused(f"the frames {', '.join(found)} form a ring")
            found.append(edge.parent)
        return found

    def _pose(self, frames: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """Of the first frame in the parent of the last."""
        place, turn = np.zeros(3), np.eye(3)
        for frame in frames:
            edge = self._edges[frame]
            place, turn = edge.place + edge.turn @ place, edge.turn @ turn
        return place, turn

    def why_not(self) -> str:
        """Why there is no lookup yet, in words."""
        known = sorted({*self._edges, *(edge.parent for edge in self._edges.values())})
        missing = [frame for frame in (self.frame, self.in_frame) if frame not in known]
        if missing:
            return f"no frame {' and no frame '.join(map(repr, missing))} among {', '.join(known) or 'none'}"
        return f"no chain of transforms from {self.frame!r} to {self.in_frame!r}"
