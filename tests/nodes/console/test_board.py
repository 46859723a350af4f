"""The board: what was received becomes one JSON object, and what is old is not shown."""

import json

import cv2
import numpy as np
import pytest

from gato_ros.bench.guard.variants import VARIANTS, variant
from gato_ros.embodiments import load_embodiment
from gato_ros.nodes.console.board import REASONS, Board
from gato_ros.nodes.console.hold import Hold
from gato_ros.nodes.console.human_output import HumanOutput
from gato_ros.nodes.console.picture_shelf import STRONG_NAT, WIDEST_PX, PictureShelf, heat_png, jpeg
from gato_ros.nodes.console.rate import Rate
from gato_ros.nodes.console.thoughts import Thoughts

ROBOT = load_embodiment()
ANGLES = np.array([0.1371, -0.9177, -0.6417, 1.5575, 0.4264, 1.0745, -0.0847])
LABELS = [("action", 5), ("token", 5), ("probability", 5), ("entropy_nat", 5), ("logit_margin", 5)]
LABELS += [("context_tokens", 2), ("latency_ms", 4), ("held", 1), ("prompt: none", 0)]


def thought(token=7.0, latency_ms=(1.0, 2.0, 3.0, 4.0), held=0.0):
    return [*[0.0] * 5, *[token] * 5, *[0.5] * 5, *[1.25] * 5, *[0.0] * 5, 10.0, 20.0, *latency_ms, held]


def guard(reasons="", source="policy"):
    return {
        "reasons": reasons,
        "source": source,
        "off": "",
        "shadow": "off",
        "proposal_age_ms": "3.0",
        "state_age_ms": "inf",
    }


@pytest.fixture
def board():
    return Board(ROBOT)


def test_a_board_of_nothing_is_json(board):
    state = board.state(5.0)
    json.dumps(state, allow_nan=False)
    assert state["guard"] is state["joints"] is state["tool"] is state["policy"] is state["latency"] is None
    assert all(topic["age_ms"] is None and topic["hz"] == 0.0 for topic in state["topics"])


def test_joints_and_tool_stand_between_their_limits(board):
    board.keep("joints", ANGLES, 5.0)
    board.keep("speeds", np.zeros(7), 5.0)
    state = board.state(5.1)
    assert [one["name"] for one in state["joints"]] == ROBOT.arm.joints
    for one, angle in zip(state["joints"], ANGLES):
        assert one["position"] == pytest.approx(angle, abs=1e-4) and one["lower"] < angle < one["upper"]
    assert all(one["lower"] < one["position"] < one["upper"] for one in state["tool"])
    json.dumps(state, allow_nan=False)


def test_what_is_old_is_not_shown(board):
    board.keep("joints", ANGLES, 5.0)
    board.keep_status("guard_node", "ok", guard(), 5.0)
    assert board.state(5.9)["joints"] and board.state(5.9)["guard"]["level"] == "ok"
    assert board.state(6.1)["joints"] is None and board.state(6.1)["guard"] is None
    assert board.newest("joints", 6.1) is None


def test_what_is_no_number_is_left_out(board):
    board.keep_status("guard_node", "ok", guard(), 5.0)
    assert board.state(5.0)["guard"]["state_age_ms"] is None
    board.keep_status("guard_node", "ok", {"proposal_age_ms": "often"}, 5.0)
    assert board.state(5.0)["guard"]["proposal_age_ms"] is None


def test_the_last_reasons_are_kept_and_counted(board):
    for now_s, level, reasons in (
        (1.0, "limited", "jerk"),
        (1.1, "limited", "jerk,speed"),
        (1.2, "ok", ""),
        (1.3, "limited", "jerk"),
    ):
        board.keep_status("guard_node", level, guard(reasons), now_s)
    shown = {one["reason"]: one for one in board.state(2.3)["reasons"]}
    assert shown["jerk"]["times"] == 2 and shown["jerk"]["ago_s"] == 1.0
    assert shown["speed"]["times"] == 1 and shown["speed"]["level"] == "limited"
    assert board.state(1000.0)["reasons"] == []


def test_a_flood_of_reasons_does_not_grow(board):
    for number in range(500):
        board.keep_status("guard_node", "latched", guard(f"reason_{number}"), 1.0 + 0.01 * number)
    assert [one["reason"] for one in board.state(6.0)["reasons"]] == [f"reason_{499 - i}" for i in range(REASONS)]
    assert len(board._reasons) <= 4 * REASONS


def test_every_browser_gets_each_thought_once(board):
    for step in range(5):
        assert board.keep_thought(LABELS, thought(token=float(step)), 1.0 + 0.05 * step)
    first = board.thoughts_after(0, 1.2)
    assert [one["token"][0] for one in first] == [0.0, 1.0, 2.0, 3.0, 4.0] and first[0]["ago_s"] == 0.2
    assert board.thoughts_after(first[-1]["number"], 1.2) == []
    assert len(board.thoughts_after(0, 11.1)) == 3


def test_latency_is_compared_with_the_control_period(board):
    board.keep_thought(LABELS, thought(latency_ms=(10.0, 20.0, 30.0, 40.0)), 1.0)
    board.keep_thought(LABELS, thought(), 1.05)
    latency = board.state(1.1)["latency"]
    assert (latency["last_ms"], latency["worst_ms"]) == (10.0, 100.0)
    assert latency["budget_ms"] == 1e3 / ROBOT.control_rate_hz and latency["parts_ms"]["forward"] == 3.0


def test_a_thought_without_numbers_has_none():
    thoughts = Thoughts()
    assert thoughts.add(LABELS, thought(token=float("nan"), held=1.0), 1.0)
    (one,) = thoughts.after(0, 1.0)
    assert one.token == (None,) * 5 and one.held


@pytest.mark.parametrize("labels", [[], LABELS[:-3], [("token", 5)], [*LABELS, ("more", 3)]], ids=len)
def test_a_thought_that_cannot_be_read_is_left_out(labels):
    thoughts = Thoughts()
    assert not thoughts.add(labels, thought(), 1.0) and thoughts.after(0, 1.0) == []


def test_rates_and_ages_are_those_of_receipt(board):
    topic = ROBOT.wire.joint_states.topic
    for step in range(101):
        board.saw(topic, 1.0 + 0.01 * step)
    (shown,) = [one for one in board.state(2.05)["topics"] if one["topic"] == topic]
    assert shown["hz"] == pytest.approx(100.0, abs=0.5) and shown["age_ms"] == 50
    assert shown["limit_ms"] == 1e3 * ROBOT.wire.joint_states.max_age_s
    (shown,) = [one for one in board.state(4.0)["topics"] if one["topic"] == topic]
    assert shown["hz"] == 0.0 and shown["age_ms"] == 2000


def test_a_rate_of_one_message_is_none():
    rate = Rate()
    assert rate.hz(1.0) == 0.0 and rate.age_s(1.0) is None
    rate.saw(1.0)
    assert rate.hz(1.0) == 0.0 and rate.age_s(9.0) == 8.0


def test_an_answer_is_kept_until_the_next(board):
    board.keep_answer("a red one", 1.0)
    board.forget()
    assert board.state(500.0)["answer"] == {"number": 1, "text": "a red one"}


def test_after_a_pause_nothing_old_is_shown(board):
    board.keep("joints", ANGLES, 5.0)
    board.saw(ROBOT.wire.joint_states.topic, 5.0)
    board.keep_status("guard_node", "limited", guard("jerk"), 5.0)
    board.forget()
    state = board.state(5.1)
    assert state["joints"] is None and state["reasons"] == [] and all(one["age_ms"] is None for one in state["topics"])


def test_a_picture_is_made_once_for_all_who_look():
    made = []
    shelf, pixels = PictureShelf(("left", "right")), np.full((16, 32, 3), 90, np.uint8)
    shelf.put("right", lambda: made.append(1) or pixels)
    first, second = {}, {}
    ((place, data),) = shelf.newer(first)
    assert place == 1 and data[:2] == b"\xff\xd8" and shelf.newer(second) == [(1, data)]
    assert len(made) == 1 and shelf.newer(first) == []
    shelf.clear()
    assert shelf.newer({}) == []


def test_a_picture_that_cannot_be_read_is_left_out():
    shelf = PictureShelf(("left",))
    shelf.put("left", lambda: None)
    assert shelf.newer({}) == []


def test_a_large_picture_is_made_smaller():
    import cv2

    data = jpeg(np.zeros((720, 1280, 3), np.uint8))
    assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape == (360, WIDEST_PX, 3)


@pytest.mark.parametrize("kind", VARIANTS)
def test_other_actions_are_named_listened_to_and_jogged_within_limits(kind):
    """A person's full deflection is a speed of the tool, whatever the values of the policy's action are."""
    robot = variant(ROBOT, kind)
    board = Board(robot)
    assert board.actions == (*robot.arm_part.names, *robot.gripper_part.names)
    topics = [topic["topic"] for topic in board.state(5.0)["topics"]]
    assert robot.proposal_topics[0] in topics
    full = HumanOutput(None, robot, board, Hold(0.12, 0.3), 0.5, 0.3).full_speed
    assert full.shape == (4,)
    assert np.linalg.norm(full[:3]) <= robot.limits.linear_speed_m_s * (1 + 1e-9)
    assert full[3] <= robot.limits.angular_speed_rad_s


def test_a_map_has_an_age_an_effect_and_an_end(board):
    left, right = ROBOT.cameras
    assert board.state(5.0)["saliency"] is None
    board.keep(f"saliency {left}", (4.0, 0.5), 5.0)
    board.keep(f"saliency {right}", (4.0, 1.5), 5.1)
    assert board.state(5.5)["saliency"] == {"ago_s": 1.5, "strongest_nat": 1.5}
    assert board.state(9.5)["saliency"] is None
    board.keep(f"saliency {left}", (9.0, 0.5), 10.0)
    board.forget()
    assert board.state(10.0)["saliency"] is None


def test_a_map_becomes_brighter_by_its_effect_on_one_scale():
    effects = np.array([[0.0, 0.01, 0.1], [1.0, STRONG_NAT, 50.0]], np.float32)
    shown = cv2.imdecode(np.frombuffer(heat_png(effects), np.uint8), cv2.IMREAD_UNCHANGED)
    assert shown.shape == (2, 3, 4) and (shown[..., 3] == shown[0, 0, 3]).all() and 0 < shown[0, 0, 3] < 255
    brightness = shown[..., :3].astype(int).sum(2).ravel()
    assert brightness[0] < 10 and (np.diff(brightness[:5]) > 0).all() and brightness[5] == brightness[4]
