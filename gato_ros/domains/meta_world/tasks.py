"""Meta-World's fifty tasks and the spec that they share."""

from __future__ import annotations

from gato_ros.core.spec import ContinuousSpec, StepSpec, TextSpec

STATE, TASK, ARM = "state", "task/text", "arm"
TASKS = (
    "reach",
    "assembly",
    "basketball",
    "bin_picking",
    "box_close",
    "button_press_topdown",
    "button_press_topdown_wall",
    "button_press",
    "button_press_wall",
    "coffee_button",
    "coffee_pull",
    "coffee_push",
    "dial_turn",
    "disassemble",
    "door_close",
    "door_lock",
    "door_open",
    "door_unlock",
    "hand_insert",
    "drawer_close",
    "drawer_open",
    "faucet_open",
    "faucet_close",
    "hammer",
    "handle_press_side",
    "handle_press",
    "handle_pull_side",
    "handle_pull",
    "lever_pull",
    "pick_place_wall",
    "pick_out_of_hole",
    "pick_place",
    "plate_slide",
    "plate_slide_side",
    "plate_slide_back",
    "plate_slide_back_side",
    "peg_insert_side",
    "peg_unplug_side",
    "soccer",
    "stick_push",
    "stick_pull",
    "push",
    "push_wall",
    "push_back",
    "reach_wall",
    "shelf_place",
    "sweep_into",
    "sweep",
    "window_open",
    "window_close",
)
"""Their names in the package with underscores, without -v3; the first is the default."""
LONGEST = 500
"""Steps of an episode."""
PLACES = (*range(18), *range(36, 39))
"""Which of the package's 39 numbers are observed: those of now and the goal. The others are the step before's."""
_HAND = ((-0.6, 0.6), (0.3, 1.1), (-0.1, 0.7))
_OBJECT = ((-1.0, 1.0), (0.0, 1.2), (-0.2, 0.8))
_TURN = 4 * ((-1.0, 1.0),)
_RANGES = (*_HAND, (0.0, 1.0), *_OBJECT, *_TURN, *_OBJECT, *_TURN, *_OBJECT)
"""Of the hand [m], of how far the gripper is open, of two objects' places [m] and turns (quaternions), of the goal [m].
What a task has no second object for is zero."""
_UNITS = ("m",) * 3 + ("1",) + 2 * (("m",) * 3 + ("1",) * 4) + ("m",) * 3
SPEC = StepSpec.of(
    {
        STATE: ContinuousSpec(tuple(low for low, _ in _RANGES), tuple(high for _, high in _RANGES), _UNITS),
        TASK: TextSpec(size_bytes=32, tokens=5),
    },
    {ARM: ContinuousSpec((-1.0,) * 4, (1.0,) * 4, ("1",) * 4)},
)
"""The arm is moved by up to 1 cm along each axis; the last number closes the gripper (1) or opens it (-1)."""


def words_of(task: str) -> str:
    """A task in words, as the policy reads it: at most five pieces of the published vocabulary."""
    return task.replace("_", " ")
