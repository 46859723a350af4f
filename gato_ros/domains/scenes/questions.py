"""Questions about a picture with their answers, from what is true of it. What cannot be seen is not asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from gato_ros.domains.scenes.facts import COLOURS, GRIPPER, TABLE, UNKNOWN, Facts
from gato_ros.domains.scenes.wordings import CORES, FOLLOW_UPS, HELD_OUT, cores_of, worded
from gato_ros.domains.scenes.wordings import UNKNOWN as DO_NOT_KNOW

ASIDE_PX, NEARER_M = 7.0, 0.03
"""By so much one has to be further left, or nearer, than another."""
NUMBERS = ("none", "one", "two", "three")
NOTHING = "nothing"
KINDS = (*CORES, "follow_up", "unknown")


@dataclass(frozen=True)
class Question:
    """One question, perhaps at the end of a dialogue."""

    kind: str
    lines: tuple[str, ...]
    """An odd number: questions and answers in turn, and the question that is open."""
    answer: str


_Answer = tuple[str, str, str]
"""The colours that the question names (empty where none), and the answer."""


def ask(kind: str, facts: Facts, rng: np.random.Generator, held_out: bool) -> Question | None:
    """A question of that kind in a wording that is, or is not, kept for evaluation; None where there is none to ask."""
    if kind == "unknown":
        return _unknown(rng, held_out)
    if kind == "follow_up":
        return _follow_up(facts, rng, held_out)
    answers = _ANSWERS[kind](facts)
    if not answers:
        return None
    # Each answer alike: most objects stand on the table, and most have nothing on them.
    different = sorted({answer for _, _, answer in answers})
    answer = different[rng.integers(len(different))]
    having = [one for one in answers if one[2] == answer]
    x, y, _ = having[rng.integers(len(having))]
    return Question(kind, (worded(CORES[kind], rng, held_out, x, y),), answer)


def dialogue(
    facts: Facts, rng: np.random.Generator, kinds: Sequence[str], held_out: bool = False
) -> list[tuple[str, str]]:
    """Questions of all these kinds that can be asked, in any order, each with its answer: one conversation."""
    turns: list[tuple[str, str]] = []
    for kind in rng.permutation(np.array(kinds)):
        question = ask(str(kind), facts, rng, held_out)
        if question is not None:
            turns += zip((*question.lines,)[::2], (*question.lines[1::2], question.answer))
    return turns


def _unknown(rng: np.random.Generator, held_out: bool) -> Question:
    cores = cores_of(held_out)
    core = cores[rng.integers(len(cores))]
    return Question("unknown", (core.format(x=COLOURS[rng.integers(3)]),), DO_NOT_KNOW)


def _follow_up(facts: Facts, rng: np.random.Generator, held_out: bool) -> Question | None:
    first = [ask(kind, facts, rng, held_out) for kind in ("leftmost", "rightmost", "nearest", "held")]
    usable = [one for one in first if one is not None and one.answer in COLOURS]
    if not usable:
        return None
    before = usable[rng.integers(len(usable))]
    kinds = list(FOLLOW_UPS)
    kind = kinds[rng.integers(len(kinds))]
    found = [answer for x, _, answer in _ANSWERS[kind](facts) if x == before.answer]
    if not found:
        return None
    cores = FOLLOW_UPS[kind]
    learned = [core for i, core in enumerate(cores) if i != HELD_OUT]
    chosen = cores[HELD_OUT] if held_out else learned[rng.integers(len(learned))]
    return Question("follow_up", (*before.lines, before.answer, chosen), found[0])


def _caption(facts: Facts) -> list[_Answer]:
    if not facts.sees_all:
        return []
    parts = [f"{colour} is {_where(facts.support(colour))}" for colour in COLOURS]
    return [("", "", ", ".join(parts) + ".")]


def _where(support: str) -> str:
    return {TABLE: "on the table", GRIPPER: "in the gripper"}.get(support, f"on {support}")


def _extreme(values: Sequence[float], margin: float) -> str | None:
    """The colour with the least value, where it is plain."""
    order = np.argsort(values)
    return COLOURS[order[0]] if values[order[1]] - values[order[0]] > margin else None


def _first(values: Callable[[Facts], Sequence[float]], margin: float) -> Callable[[Facts], list[_Answer]]:
    def answers(facts: Facts) -> list[_Answer]:
        colour = _extreme(values(facts), margin) if facts.sees(*COLOURS) else None
        return [] if colour is None else [("", "", colour)]

    return answers


def _left_of(facts: Facts) -> list[_Answer]:
    across = dict(zip(COLOURS, facts.across))
    return [
        (x, y, "yes" if across[x] < across[y] else "no")
        for x, y in permutations(COLOURS, 2)
        if facts.sees(x, y) and abs(across[x] - across[y]) > ASIDE_PX
    ]


def _count(facts: Facts) -> list[_Answer]:
    return [("", "", NUMBERS[facts.supports.count(TABLE)])] if facts.sees_all else []


def _stacked_on(facts: Facts) -> list[_Answer]:
    found = []
    for colour in COLOURS:
        support = facts.support(colour)
        below = facts.sees_gripper if support == GRIPPER else support == TABLE or facts.sees(support)
        if facts.sees(colour) and below:
            found.append((colour, "", {TABLE: "the table", GRIPPER: NOTHING}.get(support, support)))
    return found


def _on_top(facts: Facts) -> list[_Answer]:
    if not facts.sees_all:
        return []
    return [(colour, "", facts.burden(colour) or NOTHING) for colour in COLOURS]


def _held(facts: Facts) -> list[_Answer]:
    # What stands on something and is between the fingers is held, and is not.
    if facts.situation in ("grasping", "placing") or not facts.sees_all:
        return []
    return [("", "", facts.held or NOTHING)]


_DOING = {"grasping": "it grasps {x}.", "placing": "it puts {x} on {y}."}
_DOING |= {"carrying": "it carries {x}.", "hovering": "it carries {x}."}


def _phase(facts: Facts) -> list[_Answer]:
    x, y, _ = facts.roles
    doing = _DOING.get(facts.situation, "it waits.").format(x=x, y=y)
    named = [colour for colour in COLOURS if colour in doing]
    plain = facts.sees_gripper and facts.sees(*named) if named else facts.sees(*COLOURS)
    return [("", "", doing)] if plain else []


def _lands(facts: Facts) -> list[_Answer]:
    x, y, _ = facts.roles
    if facts.lands == UNKNOWN or not (facts.sees(x, y) and facts.sees_gripper):
        return []
    return [(x, y, "yes" if facts.lands else "no")]


_ANSWERS: dict[str, Callable[[Facts], list[_Answer]]] = {
    "caption": _caption,
    "leftmost": _first(lambda facts: facts.across, ASIDE_PX),
    "rightmost": _first(lambda facts: [-value for value in facts.across], ASIDE_PX),
    "nearest": _first(lambda facts: facts.distance_m, NEARER_M),
    "left_of": _left_of,
    "count": _count,
    "stacked_on": _stacked_on,
    "on_top": _on_top,
    "held": _held,
    "phase": _phase,
    "lands": _lands,
}
