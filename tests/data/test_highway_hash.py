"""HighwayHash gives the published values, in whatever pieces the bytes come."""

import numpy as np
import pytest

from gato_ros.data.exports.highway_hash import HighwayHash

KEY = (0x0706050403020100, 0x0F0E0D0C0B0A0908, 0x1716151413121110, 0x1F1E1D1C1B1A1918)
PUBLISHED = (
    *(0x907A56DE22C26E53, 0x7EAB43AAC7CDDD78, 0xB8D0569AB0B53D62, 0x5C6BEFAB8A463D80, 0xF205A46893007EDA),
    *(0x2B8A1668E4A94541, 0xBD4CCC325BEFCA6F, 0x4D02AE1738F59482, 0xE1205108E55F3171, 0x32D2644EC77A1584),
    *(0xF6E10ACDB103A90B, 0xC3BBF4615B415C15, 0x243CC2040063FA9C, 0xA89A58CE65E641FF, 0x24B031A348455A23),
    *(0x40793F86A449F33B, 0xCFAB3489F97EB832, 0x19FE67D2C8C5C0E2, 0x04DD90A69C565CC2, 0x75D9518E2371C504),
    *(0x38AD9B1141D3DD16, 0x0264432CCD8A70E0, 0xA9DB5A6288683390, 0xD7B05492003F028C, 0x205F615AEA59E51E),
    *(0xEEE0C89621052884, 0x1BFC1A93A7284F4F, 0x512175B5B70DA91D, 0xF71F8976A0A2C639, 0xAE093FEF1F84E3E7),
    *(0x22CA92B01161860F, 0x9FC7007CCF035A68, 0xA0C964D9ECD580FC),
)
"""Of the bytes 0, 1, 2 ... with this key, by their number (google/highwayhash, highwayhash_test.cc)."""


def value(*pieces: bytes) -> int:
    made = HighwayHash(KEY)
    for piece in pieces:
        made.update(piece)
    return made.value()


def test_the_values_are_the_published_ones():
    assert tuple(value(bytes(range(size))) for size in range(len(PUBLISHED))) == PUBLISHED


@pytest.mark.parametrize("cuts", [[0], [1, 2, 3], [31, 32, 33, 64], [500, 999]])
def test_pieces_do_not_change_the_value(cuts):
    data = np.random.default_rng(0).bytes(1000)
    edges = [0, *cuts, len(data)]
    pieces = [data[start:end] for start, end in zip(edges[:-1], edges[1:], strict=True)]
    assert value(*pieces) == value(data) != value(data[:-1])
