"""HighwayHash of 64 bits (Alakuijala, Cox, Wassenberg 2016), piece by piece, with the standard library and numpy only.

The four lanes of a state variable lie in one integer, each with as many bits free above it: one operation does all
four, and what a lane carries over is cut off. About 0.15 s for a MiB.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

_WORD = (1 << 64) - 1
_PACKET = 32
_AT_ONCE = 1 << 20
"""Bytes that are spread into lanes at once: a multiple of a packet."""


def _wide(lanes: Sequence[int]) -> int:
    return sum(lane << 128 * number for number, lane in enumerate(lanes))


def _lanes(wide: int) -> list[int]:
    return [wide >> 128 * number & _WORD for number in range(4)]


def _halves_swapped(word: int) -> int:
    return (word >> 32 | word << 32) & _WORD


_LANES = _wide([_WORD] * 4)
_MULTIPLIERS_0 = (0xDBE6D5D5FE4CCE2F, 0xA4093822299F31D0, 0x13198A2E03707344, 0x243F6A8885A308D3)
_MULTIPLIERS_1 = (0x3BD39E10CB0EF593, 0xC0ACF169B5F18A8C, 0xBE5466CF34E90C6C, 0x452821E638D01377)

_ZIPPER = (3, 12, 2, 5, 14, 1, 15, 0, 11, 4, 10, 13, 9, 6, 8, 7)
"""Which byte of a pair of lanes goes to each place of it."""
_GAP = 255
"""A byte of the 256 that is always 0."""
_ZIPPED = b"".join(
    bytes(16 * (lane // 2 * 2 + place // 8) + place % 8 for place in _ZIPPER[lane % 2 * 8 :][:8]) + bytes([_GAP] * 8)
    for lane in range(4)
)
"""The zipper of all lanes as text for `bytes.translate`: the lanes' bytes are its table."""

_low_halves = struct.Struct("<I12xI12xI12xI").unpack_from
_high_halves = struct.Struct("<4xI12xI12xI12xI").unpack_from
_four_words = struct.Struct("<Q8xQ8xQ8xQ").pack


def _updated(state: tuple[int, int, int, int], packets: bytes | memoryview) -> tuple[int, int, int, int]:
    """The state after whole packets. This loop is what takes the time: its names are local, its calls few."""
    v0, v1, multiplier_0, multiplier_1 = state
    spread = np.zeros((len(packets) // 8, 2), np.uint64)
    spread[:, 0] = np.frombuffer(packets, "<u8")
    wide_packets = spread.astype("<u8").tobytes()
    number, mask, zipped = int.from_bytes, _LANES, _ZIPPED.translate
    low_halves, high_halves, four_words = _low_halves, _high_halves, _four_words
    bytes_0 = v0.to_bytes(256, "little")
    for at in range(0, len(wide_packets), 2 * _PACKET):
        v1 = v1 + multiplier_0 + number(wide_packets[at : at + 2 * _PACKET], "little") & mask
        bytes_1 = v1.to_bytes(256, "little")
        a, b, c, d = low_halves(bytes_1)
        e, f, g, h = high_halves(bytes_0)
        multiplier_0 ^= number(four_words(a * e, b * f, c * g, d * h), "little")
        v0 = v0 + multiplier_1 & mask
        a, b, c, d = low_halves(v0.to_bytes(64, "little"))
        e, f, g, h = high_halves(bytes_1)
        multiplier_1 ^= number(four_words(a * e, b * f, c * g, d * h), "little")
        v0 = v0 + number(zipped(bytes_1), "little") & mask
        bytes_0 = v0.to_bytes(256, "little")
        v1 = v1 + number(zipped(bytes_0), "little") & mask
    return v0, v1, multiplier_0, multiplier_1


class HighwayHash:
    """A hash with a key of four words of 64 bits."""

    def __init__(self, key: Sequence[int]):
        self._state = (
            _wide([one ^ word for one, word in zip(_MULTIPLIERS_0, key, strict=True)]),
            _wide([one ^ _halves_swapped(word) for one, word in zip(_MULTIPLIERS_1, key, strict=True)]),
            _wide(_MULTIPLIERS_0),
            _wide(_MULTIPLIERS_1),
        )
        self._rest = b""

    def update(self, data: bytes) -> None:
        """Take in the next bytes."""
        waiting = memoryview(self._rest + data)
        whole = len(waiting) // _PACKET * _PACKET
        for start in range(0, whole, _AT_ONCE):
            self._state = _updated(self._state, waiting[start : min(start + _AT_ONCE, whole)])
        self._rest = bytes(waiting[whole:])

    def value(self) -> int:
        """The hash of all bytes so far, 64 bits."""
        state = self._padded() if self._rest else self._state
        for _ in range(4):
            a, b, c, d = map(_halves_swapped, _lanes(state[0]))
            state = _updated(state, struct.pack("<4Q", c, d, a, b))
        return sum(_lanes(one)[0] for one in state) & _WORD

    def _padded(self) -> tuple[int, int, int, int]:
        """The state after the rest, which is less than a packet."""
        rest, size = self._rest, len(self._rest)
        v0, v1, multiplier_0, multiplier_1 = self._state
        v0 = _wide([lane + (size << 32) + size & _WORD for lane in _lanes(v0)])
        turned = lambda half: (half << size | half >> 32 - size) & 0xFFFFFFFF
        v1 = _wide([turned(lane & 0xFFFFFFFF) | turned(lane >> 32) << 32 for lane in _lanes(v1)])
        packet, fours, odd = bytearray(_PACKET), size & ~3, size & 3
        packet[:fours] = rest[:fours]
        if size & 16:
            packet[28:] = rest[-4:]
        elif odd:
            packet[16:19] = rest[fours], rest[fours + (odd >> 1)], rest[-1]
        return _updated((v0, v1, multiplier_0, multiplier_1), bytes(packet))
