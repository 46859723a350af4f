"""What the shipped generalist says about pictures: real weights, real pictures, wordings that it never learned."""

import pytest

from gato_ros.evaluation.policy_build.dialogues import TURNS, dialogues
from gato_ros.models.shipped import SHIPPED

CARD = SHIPPED / "gato_generalist/MODEL_CARD.md"


@pytest.fixture(scope="module")
def found():
    return dialogues(CARD.parent, 3, 900_000)


def test_a_dialogue_has_questions_and_what_is_true(found):
    assert [one["seed"] for one in found] == [900_000, 900_001, 900_002]
    for one in found:
        assert len(one["turns"]) == TURNS and all(turn["question"] and turn["right"] for turn in one["turns"])


def test_most_answers_are_right(found):
    turns = [turn for one in found for turn in one["turns"]]
    assert sum(turn["said"] == turn["right"] for turn in turns) > len(turns) / 2


def test_the_card_has_these_questions(found):
    card = CARD.read_text()
    assert all(f"| {turn['question']} |" in card for one in found for turn in one["turns"])
