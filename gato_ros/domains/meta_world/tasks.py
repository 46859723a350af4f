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
PLACES = (*range(13), *range(36, 39))
"""Which of the package's 39 numbers are observed. 18 to 35 are those of the step before; 13 to 17, the height and the
turn of a second object, never changed within a task (28,000 steps of all tasks, experts with noise and random play)."""
_HAND = ((-0.55, 0.55), (0.35, 0.95), (0.0, 0.5))
_OPEN = ((0.0, 1.0),)
_OBJECT = ((-0.35, 0.7), (0.2, 0.95), (-0.05, 0.5))
_TURN = 4 * ((-1.0, 1.0),)
_SECOND = ((-0.2, 0.5), (0.0, 0.8))
_GOAL = ((-0.4, 0.6), (0.35, 0.95), (-0.05, 0.5))
_RANGES = (*_HAND, *_OPEN, *_OBJECT, *_TURN, *_SECOND, *_GOAL)
"""Of x y z of the hand [m], of how far the gripper is open, of x y z of the object [m] and of its turn (quaternion), of
x y of a second object [m] (of hammer and sticks; else zero), of x y z of the goal [m]. All that those 28,000 steps
showed lies inside."""
_UNITS = (*3 * ("m",), "1", *3 * ("m",), *4 * ("1",), *5 * ("m",))
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
