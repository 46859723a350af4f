"""Pictures of our world with questions: true answers, nothing asked that is hidden, nothing learned that is kept."""

from dataclasses import replace

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from gato_ros.core.action import Action
from gato_ros.core.text import text_from_value
from gato_ros.domains.scenes import domain, questions, wordings
from gato_ros.domains.scenes.environment import SceneEnv, answer_action
from gato_ros.domains.scenes.facts import COLOURS, FACTS, ROLES, SITUATIONS, Facts, facts_of, held_out
from gato_ros.domains.scenes.maker import SceneMaker
from gato_ros.domains.scenes.placement import collide, drawn
from gato_ros.domains.scenes.questions import KINDS, ask, dialogue
from gato_ros.domains.scenes.spec import PICTURE, QUESTION, SPEC
from gato_ros.models.vocabulary import load_vocabulary

STACKED = Facts(
    "cubes",
    "stacked",
    ("red", "blue", "green"),
    "basket_front_left",
    (300, 200, 250),
    0,
    (60.0, 30.0, 62.0),
    (0.5, 0.6, 0.52),
    ("blue", "table", "table"),
    -1,
)
"""Red on blue, green to the left of both and further away."""
HOVERING = replace(STACKED, situation="hovering", gripper_pixels=200, supports=("gripper", "table", "table"), lands=1)


@pytest.fixture(scope="module")
def maker():
    maker = SceneMaker()
    yield maker
    maker.close()


def answers(kind, facts):
    """All answers to a kind of question that come up."""
    found = [ask(kind, facts, np.random.default_rng(seed), False) for seed in range(12)]
    return {one.answer for one in found if one is not None}


def test_answers_are_what_the_facts_say():
    said = {kind: answers(kind, STACKED) for kind in KINDS}
    assert said["caption"] == {"red is on blue, green is on the table, blue is on the table."}
    assert said["leftmost"] == {"green"} and said["count"] == {"two"} and said["held"] == {"nothing"}
    assert said["rightmost"] == said["nearest"] == set()  # two are as far right, and as near
    assert said["stacked_on"] == {"blue", "the table"} and said["on_top"] == {"red", "nothing"}
    assert said["phase"] == {"it waits."} and said["lands"] == set()
    assert said["unknown"] == {wordings.UNKNOWN}
    assert answers("held", HOVERING) == {"red"} and answers("lands", HOVERING) == {"yes"}
    assert answers("phase", HOVERING) == {"it carries red."} and answers("count", HOVERING) == {"two"}


def test_left_of_is_asked_both_ways():
    for seed in range(20):
        question = ask("left_of", STACKED, np.random.default_rng(seed), False)
        first, second = sorted(COLOURS, key=question.lines[0].find)[-2:]
        across = dict(zip(COLOURS, STACKED.across))
        assert question.answer == ("yes" if across[first] < across[second] else "no"), question
        assert abs(across[first] - across[second]) > questions.ASIDE_PX


@pytest.mark.parametrize("hidden", COLOURS)
def test_what_is_hidden_is_not_asked(hidden):
    pixels = tuple(5 if colour == hidden else 300 for colour in COLOURS)
    facts = replace(STACKED, pixels=pixels)
    for kind in ("caption", "leftmost", "count", "on_top", "held", "phase"):
        assert answers(kind, facts) == set(), kind
    for seed in range(20):
        for kind in ("left_of", "stacked_on"):
            question = ask(kind, facts, np.random.default_rng(seed), False)
            assert question is None or (hidden not in question.lines[0] and hidden != question.answer)


def test_a_hidden_gripper_holds_nothing_that_is_asked():
    facts = replace(HOVERING, gripper_pixels=0)
    assert all(answers(kind, facts) == set() for kind in ("held", "phase", "lands", "caption", "count"))


def test_a_follow_up_is_about_the_answer_before():
    for seed in range(20):
        question = ask("follow_up", STACKED, np.random.default_rng(seed), False)
        assert len(question.lines) == 3 and question.lines[1] == "green"
        assert question.answer in ("the table", "nothing") and "green" not in question.lines[2]


def test_wordings_for_evaluation_are_never_learned_from():
    learned, kept = set(), set()
    for seed in range(200):
        rng = np.random.default_rng(seed)
        for held in (False, True):
            for facts in (STACKED, HOVERING):
                for kind in KINDS:
                    question = ask(kind, facts, rng, held)
                    if question is not None:
                        (kept if held else learned).add(question.lines[-1])
    assert not learned & kept and len(kept) > 60
    # Of most of them opener and core are learned from, in other wordings; these are new altogether.
    new = [core.split("{")[0] for core in wordings.cores_of(True)]
    new += [cores[3] for cores in wordings.FOLLOW_UPS.values()]
    seen = {word for line in learned for word in line.split()}
    for line in kept:
        assert seen.issuperset(line.split()) or any(core in line for core in new), line


def test_each_situation_keeps_one_order_of_roles_of_each_set():
    for object_set in ("cubes", "triplet4"):
        for situation in SITUATIONS:
            assert sum(held_out(object_set, situation, roles) for roles in ROLES) == 1


def test_a_scene_depends_on_its_seed_alone(maker):
    first = [maker.scene(np.random.default_rng(seed), False) for seed in (1, 2, 3)]
    again = [maker.scene(np.random.default_rng(seed), False) for seed in (3, 2, 1)][::-1]
    for (pixels, facts), (others, same) in zip(first, again):
        np.testing.assert_array_equal(pixels, others)
        assert facts == same


def test_facts_come_back_from_the_record(maker):
    for seed in range(4):
        _, facts = maker.scene(np.random.default_rng(seed), False)
        back = facts_of(facts.vector())
        assert replace(back, across=facts.across, distance_m=facts.distance_m) == facts
        np.testing.assert_allclose(back.across, facts.across, rtol=1e-6)
        assert not held_out(facts.object_set, facts.situation, facts.roles) and not facts.vector()[-1]


def test_no_object_is_inside_another():
    rng = np.random.default_rng(0)
    standing = [one for one in (drawn("r6", rng) for _ in range(40)) if one.top > 0.15][0]
    beside = drawn("s0", rng).at(np.array([0.01, 0.0]), standing.bottom)
    assert collide(standing, beside) and not collide(standing, beside.at(np.array([0.2, 0.0]), standing.bottom))
    assert not collide(standing, beside.at(np.zeros(2), standing.top))


def test_physics_agrees_with_what_stands_on_what(maker):
    """What is said to stand stays; what is said to land, or not to, does so when it is let go."""
    world = maker._world
    for seed, situation in enumerate(("stacked", "tower", "hovering", "hovering", "hovering", "hovering")):
        _, facts = maker.scene(np.random.default_rng(seed), False, (situation,))
        before = {colour: world.prop(colour).position for colour in COLOURS}
        world.put_tool(np.array([0.6, 0.0, 0.4]), 0.0, 0.08)
        world.advance(0.6)
        top, base = facts.roles[:2]
        if situation == "hovering":
            assert (base in world.touches(top)) == bool(facts.lands), facts
        else:
            for colour in COLOURS:
                assert np.abs(world.prop(colour).position - before[colour]).max() < 0.005, facts


def test_most_frequent_answers_are_of_their_kind(monkeypatch):
    monkeypatch.setattr(domain, "COUNTED", 30)
    found = domain.most_frequent(30)
    assert found.keys() == set(KINDS) and found["left_of"] in ("yes", "no") and found["leftmost"] in COLOURS
    assert found["on_top"] == questions.NOTHING and found["unknown"] == wordings.UNKNOWN
    assert domain.DOMAIN.guess("count").answer == found["count"] in questions.NUMBERS


def test_the_environment_is_one_of_gymnasium():
    env = SceneEnv("count", "rgb_array")
    check_env(env, skip_render_check=True)
    _, info = env.reset(seed=900_000)
    facts = facts_of(env.observe().privileged[FACTS])
    assert not info["success"] and held_out(facts.object_set, facts.situation, facts.roles)
    assert env.observe().values[PICTURE].shape == SPEC.observations[PICTURE].shape
    assert text_from_value(env.observe().values[QUESTION]) == env.question.lines[0]
    asked = env.render()
    np.testing.assert_array_equal(asked[:256:2, ::2], env.observe().values[PICTURE])
    right = answer_action(env.question.answer)
    assert env.step_action(right)[0] == 1.0 and (env.render() != asked).any()  # the answer is written there, too
    assert env.step_action(answer_action("a hundred"))[0] == 0.0
    reward, ended, late, info = env.step_action(Action({"answer/text": np.full(192, 0.5)}))
    assert (reward, ended, late, info["failure"]) == (0.0, True, False, "wrong_answer")
    env.close()


def test_every_question_and_answer_has_room_in_the_spec():
    vocabulary, longest = load_vocabulary(), {True: 0, False: 0}
    for seed in range(60):
        rng = np.random.default_rng(seed)
        for kind in KINDS:
            for facts in (STACKED, HOVERING):
                question = ask(kind, facts, rng, seed % 2 == 0)
                if question is not None:
                    asked = "\n".join(question.lines)
                    assert len(asked.encode()) <= SPEC.observations[QUESTION].shape[0]
                    tokens = sum(len(vocabulary.encode(line)) + 1 for line in question.lines)
                    longest[True] = max(longest[True], tokens)
                    longest[False] = max(longest[False], len(vocabulary.encode(question.answer)) + 1)
    assert longest[True] <= SPEC.observations[QUESTION].tokens and longest[False] <= SPEC.actions["answer/text"].tokens


def test_a_dialogue_asks_each_kind_once():
    turns = dialogue(STACKED, np.random.default_rng(0), KINDS)
    assert {"red is on blue, green is on the table, blue is on the table.", "I do not know."} <= {a for _, a in turns}
    assert turns == dialogue(STACKED, np.random.default_rng(0), KINDS)
    assert turns != dialogue(STACKED, np.random.default_rng(1), KINDS)
