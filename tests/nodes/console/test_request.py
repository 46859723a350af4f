"""What a browser says: read to the last key, or refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gato_ros.nodes.console.request import KINDS, LONGEST, LONGEST_TEXT, BadRequest, Request, parse

RIGHT = [
    {"kind": "look", "on": True},
    {"kind": "seen"},
    {"kind": "overlay", "on": True},
    {"kind": "take"},
    {"kind": "give"},
    {"kind": "do", "verb": "stop", "text": ""},
    {"kind": "hold", "press": 1, "motion": "up", "echo": 5},
    {"kind": "release"},
    {"kind": "list", "what": "episodes"},
    {"kind": "open", "what": "incidents", "number": 3},
    {"kind": "compare", "number": 1, "other": 2},
    {"kind": "examine"},
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def test_every_kind_has_an_example():
    assert {one["kind"] for one in RIGHT} == set(KINDS)


@pytest.mark.parametrize("said", RIGHT, ids=lambda said: said["kind"])
def test_what_the_page_says_is_understood(said):
    parts = {name: value for name, value in said.items() if name != "kind"}
    assert parse(json.dumps(said)) == Request(said["kind"], **parts)


@pytest.mark.parametrize("said", RIGHT, ids=lambda said: said["kind"])
def test_a_key_more_or_less_is_refused(said):
    for wrong in ({**said, "more": 1}, *({k: v for k, v in said.items() if k != name} for name in said)):
        with pytest.raises(BadRequest):
            parse(json.dumps(wrong))


@pytest.mark.parametrize(
    "part",
    [
        {"press": -1},
        {"press": True},
        {"press": 1.0},
        {"press": 2**60},
        {"press": "1"},
        {"motion": 3},
        {"motion": "x" * (LONGEST_TEXT + 1)},
        {"motion": "up\n"},
        {"motion": None},
        {"echo": -5},
    ],
    ids=str,
)
def test_a_wrong_value_is_refused(part):
    with pytest.raises(BadRequest):
        parse(json.dumps({"kind": "hold", "press": 1, "motion": "up", "echo": 0, **part}))


@pytest.mark.parametrize(
    "message", ["", "{", "null", "[]", "1", '"stop"', "[" * 2000, " " * (LONGEST + 1), None, b"{}"]
)
def test_what_is_no_request_is_refused(message):
    with pytest.raises(BadRequest):
        parse(message)


@given(
    st.text()
    | JSON.map(json.dumps)
    | st.sampled_from(RIGHT).flatmap(
        lambda one: st.fixed_dictionaries({name: st.just(one[name]) | JSON for name in one}).map(json.dumps)
    )
)
def test_anything_is_a_request_or_refused(message):
    try:
        found = parse(message)
    except BadRequest:
        return
    assert found.kind in KINDS and 0 <= found.press <= 2**53 and len(found.text) <= LONGEST_TEXT
