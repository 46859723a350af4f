"""What the guard did can be written down and done again, bit by bit."""

import json
import math

import numpy as np
import pytest

from gato_ros.core.guard.proposal import Proposal
from gato_ros.core.records.exact_json import decode, difference, encode
from gato_ros.core.records.journal import STATE_EVERY, Journaled, repeat
from gato_ros.core.timing.freshness import Instant
from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.guard import make_guard
from gato_ros.embodiments.kinematics import Kinematics

ROBOT = load_embodiment()
KINEMATICS = Kinematics(ROBOT)


def test_what_cannot_be_written_does_not_reach_the_caller():
    journaled = Journaled(Instant(1.0, 2.0))
    journaled._calls.append(("step", (object(),), {}, None))
    assert "cannot be written" in json.loads(journaled.take()[0])["unwritten"]


def state(rng, now_s):
    q = np.array(ROBOT.arm.posture_rad) + rng.uniform(-0.002, 0.002, 7)
    return KINEMATICS.state(q, np.zeros(7), 1e9 + now_s, now_s)


def journal(ticks=350, seed=0):
    """A guard's life at 100 Hz with random proposals, two emergency stops and a NaN."""
    rng = np.random.default_rng(seed)
    guard = Journaled(make_guard(ROBOT))
    texts, proposal = [], None
    for tick in range(ticks):
        now_s = 10.0 + 0.01 * tick
        if tick in (5, 150, 260):
            guard.emergency_stop(False)
            guard.reset(state(rng, now_s), Instant(now_s, 1e9 + now_s))
        if tick in (100, 200):
            guard.emergency_stop(True)
        if tick % 5 == 0:
            twist = rng.uniform(-0.2, 0.2, 4) * (math.nan if tick == 300 else 1.0)
            proposal = Proposal(twist, rng.uniform(), 1e9 + now_s, now_s)
        guard.step(proposal, state(rng, now_s), Instant(now_s, 1e9 + now_s))
        texts += guard.take()
    assert guard.latched == "non_finite_proposal"
    return texts


def test_a_guard_is_repeated_without_a_difference_from_the_first_state_on():
    repetitions = list(repeat(journal()))
    assert [one.call for one in repetitions if not one.judged] == ["step"]  # the state comes after the first tick
    assert all(one.equal for one in repetitions)
    assert sum(one.call == "state" for one in repetitions) == (len(repetitions) - 1) // (STATE_EVERY + 1)
    assert {"step", "reset", "emergency_stop"} <= {one.call for one in repetitions}
    moving = [one for one in repetitions if one.call == "step" and decode(one.recorded)[0].joint_velocity.any()]
    assert len(moving) > 100


def test_it_begins_in_the_middle_and_goes_on_after_a_loss():
    texts = journal()
    texts = texts[130:150] + texts[151:]
    repetitions = list(repeat(texts))
    assert all(one.equal for one in repetitions)
    assert 0 < sum(not one.judged for one in repetitions) < 2 * STATE_EVERY


def test_one_changed_bit_of_an_input_or_a_result_is_found_at_its_place():
    texts = journal()
    place = next(i for i, text in enumerate(texts) if i > 120 and json.loads(text).get("call") == "step")
    entry = json.loads(texts[place])
    command = entry["result"]["tuple"][0]["of"]["joint_velocity"]
    digit = command["array"][-1]
    command["array"] = command["array"][:-1] + ("1" if digit == "0" else "0")
    altered = [*texts[:place], json.dumps(entry), *texts[place + 1 :]]
    different = [one for one in repeat(altered) if not one.equal]
    assert [one.number for one in different] == [entry["n"]]
    where, recorded, repeated = difference(different[0].recorded, different[0].repeated)
    assert where == "0.joint_velocity" and recorded != repeated

    entry = json.loads(texts[110])
    assert entry["call"] == "step"
    entry["arguments"]["tuple"][1]["of"]["joint_position"] = encode(np.full(7, math.nan))
    different = [one for one in repeat([*texts[:110], json.dumps(entry), *texts[111:]]) if not one.equal]
    assert different and different[0].number == entry["n"]


def test_nobody_reads_so_nothing_is_written_and_a_late_reader_begins_with_the_state():
    guard = Journaled(make_guard(ROBOT))
    for _ in range(3):
        guard.step(None, None, Instant(1.0, 1.0))
        assert guard.take(wanted=False) == []
    guard.step(None, None, Instant(1.0, 1.0))
    kinds = [sorted(json.loads(text)) for text in guard.take()]
    assert kinds == [["arguments", "call", "n", "options", "result"], ["n", "state"]]


def test_another_version_of_the_guard_is_said():
    entry = {"n": 1, "state": {"is": "gato_ros.core.timing.freshness:Instant", "of": {"steady_s": 1.0, "other": 2.0}}}
    with pytest.raises(ValueError, match="another version"):
        list(repeat([json.dumps(entry)]))
