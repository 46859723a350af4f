"""How questions about scenes are worded, and which wordings are kept for evaluation: by one rule."""

from __future__ import annotations

import numpy as np

OPENERS = ("", "tell me: ", "look at the picture. ", "please answer: ")
HELD_OUT = 3
"""A wording is an opener and a core. It is held out where the sum of their numbers is so much modulo four: every opener
and every core is learned from, in other wordings."""

CORES: dict[str, tuple[str, str, str, str]] = {
    "caption": (
        "describe the scene.",
        "what does the picture show?",
        "say what is where.",
        "describe where the objects are.",
    ),
    "leftmost": (
        "which object is furthest to the left?",
        "what colour is the leftmost object?",
        "which one is the leftmost?",
        "which object is on the far left?",
    ),
    "rightmost": (
        "which object is furthest to the right?",
        "what colour is the rightmost object?",
        "which one is the rightmost?",
        "which object is on the far right?",
    ),
    "nearest": (
        "which object is nearest to the camera?",
        "what colour is the nearest object?",
        "which one is the closest?",
        "which object is closest to the camera?",
    ),
    "left_of": (
        "is the {x} object left of the {y} one?",
        "is {x} to the left of {y}?",
        "does the {x} object lie left of {y}?",
        "is {x} further left than {y}?",
    ),
    "count": (
        "how many objects are on the table?",
        "how many objects stand on the table itself?",
        "count the objects on the table.",
        "what is the number of objects on the table?",
    ),
    "stacked_on": (
        "what is the {x} object on?",
        "on what does the {x} object stand?",
        "what is below the {x} object?",
        "what is {x} standing on?",
    ),
    "on_top": (
        "what is on top of the {x} object?",
        "what stands on the {x} object?",
        "is anything on {x}, and what?",
        "which object is on the {x} one?",
    ),
    "held": (
        "what does the gripper hold?",
        "what is held in the air?",
        "which object is in the gripper?",
        "what does the robot hold in the air?",
    ),
    "phase": (
        "what is the robot doing?",
        "what does the robot do now?",
        "in which phase is the robot?",
        "what is the arm doing?",
    ),
    "lands": (
        "will the {x} object stand on the {y} one if the gripper opens now?",
        "if the robot lets go now, does {x} land on {y}?",
        "will {x} be on {y} when the gripper opens?",
        "does letting go now put {x} on {y}?",
    ),
}
FOLLOW_UPS: dict[str, tuple[str, ...]] = {
    "stacked_on": (
        "and what is it on?",
        "on what does it stand?",
        "and what is below it?",
        "what is that one standing on?",
        "what is it standing on?",
        "and what is that one on?",
        "on what does that one stand?",
        "what stands below that one?",
        "and under that one?",
        "what does it stand on?",
    ),
    "on_top": (
        "and what is on top of it?",
        "does anything stand on it?",
        "and which object is on it?",
        "what is on that one?",
        "what is on it?",
        "and what is on top of that one?",
        "which object is on that one?",
        "what stands on that one?",
        "and above that one?",
        "does it carry anything?",
    ),
}
"""After an answer that is a colour; `it` is that object. The one of number HELD_OUT is kept for evaluation, without an
opener. From three others alone nothing was learned of it: 56 % right, less than the most frequent answer is."""
UNKNOWN = "I do not know."
UNKNOWABLE = (
    "who built the robot's table?",
    "what is the robot's name?",
    "how heavy is the {x} object?",
    "who owns the {x} object?",
    "what time is it?",
    "where was the {x} object made?",
    "who painted the {x} object?",
    "what does the {x} object cost?",
    "how old is the robot?",
    "what is behind the camera?",
    "who wrote the robot's program?",
    "what is the weather like?",
    "is the {x} object warm?",
    "what is inside the {x} object?",
    "where does the robot live?",
    "when was the table built?",
    "what will the robot do tomorrow?",
    "how does the {x} object smell?",
    "who took this picture?",
    "what is the robot's favourite colour?",
)
"""What no picture tells. A question is held out where its number is HELD_OUT modulo four: it is never learned from."""


def cores_of(held_out: bool) -> tuple[str, ...]:
    """The questions without an answer that are, or are not, kept for evaluation."""
    return tuple(core for i, core in enumerate(UNKNOWABLE) if (i % 4 == HELD_OUT) == held_out)


def worded(cores: tuple[str, ...], rng: np.random.Generator, held_out: bool, x: str = "", y: str = "") -> str:
    """One of the wordings of a question that are, or are not, kept for evaluation."""
    pairs = [
        (opener, core)
        for i, opener in enumerate(OPENERS)
        for j, core in enumerate(cores)
        if ((i + j) % 4 == HELD_OUT) == held_out
    ]
    opener, core = pairs[rng.integers(len(pairs))]
    return opener + core.format(x=x, y=y)
