"""Frames that should be there and are not: by number, and by time where the numbers run on as if nothing were."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from gato_ros.data import messages

LATE = 1.5
"""Two neighbours so many periods apart have lost one between them, if those that follow do not make up for it."""
SHORT = 0.6
"""Below so many periods a message makes up for one before it that was late."""


@dataclass(frozen=True)
class Gaps:
    """What a channel lost, by place and number."""

    after: tuple[int, ...] = ()
    """Index of the message before each hole; -1 is before the first."""
    missing: tuple[int, ...] = ()
    """How many each hole lacks."""

    @property
    def total(self) -> int:
        return sum(self.missing)

    def __bool__(self) -> bool:
        return bool(self.after)


def missing_numbers(steps: Sequence[int], count: int | None = None) -> list[int]:
    """The steps from 0 on that are not there, up to the last, or to `count` steps if it is known."""
    last = max(count or 0, (max(steps) + 1) if len(steps) else 0)
    return sorted(set(range(last)) - set(steps))


def gaps_in_time(
    stamps_s: Sequence[float] | np.ndarray, period_s: float, start_s: float | None = None, end_s: float | None = None
) -> Gaps:
    """The holes of a channel that has a message every `period_s`.

    A message that is late is no hole: the next ones follow it closely, and none is missing.

    Args:
        stamps_s: of its messages, increasing.
        start_s: the channel was there from then on; None asks nothing of the beginning.
        end_s: and up to then.
    """
    stamps = np.asarray(stamps_s, np.float64)
    if not len(stamps):
        return Gaps()
    after = np.arange(len(stamps) - 1)
    spans = np.diff(stamps)
    if start_s is not None:
        after, spans = np.append(-1, after), np.append(stamps[0] - start_s + period_s, spans)
    if end_s is not None:
        after, spans = np.append(after, len(stamps) - 1), np.append(spans, end_s - stamps[-1] + period_s)
    found = [(int(after[i]), _lost(spans[i:] / period_s)) for i in np.flatnonzero(spans > LATE * period_s)]
    return Gaps(tuple(place for place, lost in found if lost), tuple(lost for _, lost in found if lost))


def _lost(spans: np.ndarray) -> int:
    """Messages that the first span [periods] lacks, less what the short ones behind it make up for."""
    late = spans[0] - 1.0
    for span in spans[1:]:
        if span >= SHORT:
            break
        late -= 1.0 - span
    return max(0, round(late))


def usual_period_s(stamps_s: Sequence[float] | np.ndarray) -> float | None:
    """The median distance of neighbours [s]: right as long as fewer than half are missing; None for fewer than 3."""
    spans = np.diff(np.asarray(stamps_s, np.float64))
    period = float(np.median(spans)) if len(spans) >= 2 else 0.0
    return period if period > 0 else None


def header_stamps_s(message_type: str, data: Sequence[bytes]) -> np.ndarray | None:
    """[N] header stamps [s] of messages in CDR; None for a type that begins with something else."""
    if not begins_with_header(message_type):
        return None
    stamps = [_stamp(one) for one in data]
    return np.array([seconds + nanoseconds / messages.NANOSECONDS for seconds, nanoseconds in stamps], np.float64)


def header_stamp_ns(data: bytes) -> int:
    """The header stamp [ns] of a message in CDR that begins with a header."""
    seconds, nanoseconds = _stamp(data)
    return seconds * messages.NANOSECONDS + nanoseconds


def _stamp(data: bytes) -> tuple[int, int]:
    # After the four bytes of the encapsulation, whose second says which end of a number comes first.
    return struct.unpack_from("<iI" if data[1] & 1 else ">iI", data, 4)


@cache
def begins_with_header(message_type: str) -> bool:
    """Whether messages of this type begin with a `std_msgs/Header`."""
    fields = messages.typestore().fielddefs.get(message_type, ([], []))[1]
    return bool(fields) and fields[0][1][1] == "std_msgs/msg/Header"
