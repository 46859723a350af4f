"""policy_node/ask: a question about what the camera shows is answered beside control, or refused in one line."""

import time
from dataclasses import replace

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from std_msgs.msg import String

from gato_ros.domains.registry import SCENES, load_domain
from gato_ros.embodiments import load_embodiment
from gato_ros.models.presets import PRESETS
from gato_ros.models.vocabulary import PUBLISHED
from gato_ros.nodes.messages.diagnosis import values_of
from gato_ros.nodes.policy.answers import BUSY, LONGEST_WAIT_S, MOST_BYTES, NO_ANSWERS, NO_TIME, Answers
from gato_ros.nodes.runtime.qos import REPORT
from tests.ros.test_policy_node import Scene, random_weights

TOLD = "sawyer_rgb_stacking_told"
KEYS = ("basket_front_left/pixels", "gripper/opening", "task/text")


@pytest.fixture(scope="module")
def generalist(tmp_path_factory, compiled_as_a_users):
    """Random weights that say they were made for the robot and for scenes."""
    config = replace(
        PRESETS["debug"],
        layers=1,
        auxiliary=(),
        auxiliary_early_layer=0,
        patch_auxiliary=(),
        generalist=True,
        context_tokens=256,
        vocabulary=PUBLISHED,
        text_rows=32000,
        observation_keys=KEYS,
    )
    others = (load_domain(SCENES).contract("caption"),)
    return random_weights(tmp_path_factory.mktemp("generalist"), config, load_embodiment(TOLD), others=others)


def asked(probe):
    """Ask a question; the answers so far."""
    answers = probe.listen(String, "policy_node/answer", REPORT)
    publisher = probe.node.create_publisher(String, "policy_node/ask", REPORT)
    return answers, lambda text: publisher.publish(String(data=text))


def test_a_question_is_answered_while_the_arm_is_driven(processes, probe, generalist):
    answers, ask = asked(probe)
    where = ("-p", f"embodiment:={TOLD}", "-p", "task:=stack the red object on the blue one")
    scene = Scene(processes, probe, generalist, *where)
    counts = lambda: values_of(scene.status[-1][1])

    probe.wait(lambda: answers, "a refusal before any picture", meanwhile=lambda: ask("what is red on?"), every_s=0.5)
    assert answers[-1][1].data.startswith("I see nothing: missing basket_front_left/pixels")

    scene.sense_until(lambda: len(scene.proposals) > 5, "proposals")
    before = len(scene.proposals)
    for _ in range(8):  # beside other tests control may leave no time for half a minute: then it is asked again
        answers.clear()
        scene.sense()
        ask("what is red on?")
        ask("and what is blue on?")
        scene.sense_until(lambda: len(answers) == 2, "a refusal and an answer")
        said = [message.data for _, message in answers]
        if said[1] != NO_TIME:
            break
    assert said[0] == BUSY and said[1] not in (BUSY, NO_ANSWERS) and "I cannot" not in said[1]
    assert len(scene.proposals) > before
    scene.sense_until(lambda: counts()["answered"] == "1", "the count in the status")

    ask("x" * (MOST_BYTES + 1))
    scene.sense_until(lambda: len(answers) == 3, "the refusal")
    assert f"1 to {MOST_BYTES} bytes" in answers[-1][1].data


def test_weights_that_were_not_trained_to_answer_say_so(processes, probe, tmp_path):
    answers, ask = asked(probe)
    status = probe.listen(DiagnosticStatus, "policy_node/status", REPORT)
    processes.node("policy_node", "-p", "policy:=hold")
    probe.wait(lambda: status, "the policy's status")
    probe.wait(lambda: answers, "the refusal", meanwhile=lambda: ask("what is red on?"), every_s=0.5)
    assert answers[-1][1].data == NO_ANSWERS


def waiting(pieces, times_s):
    """With work, and what pieces took so far; and what is published."""
    said = []
    answers = Answers(None, (128, 128, 3), lambda: "nothing", said.append)
    answers._pending, answers._asked_s = iter(pieces), time.monotonic()
    answers._times_s[False].extend(times_s)
    return answers, said


def test_a_piece_begins_only_where_it_fits():
    answers, _ = waiting(("red",), (0.010,))
    assert answers.fits(0.021) and not answers.fits(0.020) and not answers.fits(-0.1)
    answers._pending = None
    assert not answers.fits(1.0)


def test_one_stall_holds_no_later_piece_back():
    answers, _ = waiting(("red", "red"), (0.010, 0.011, 5.0))
    assert answers.fits(0.025)


def test_a_question_without_time_is_given_up():
    answers, said = waiting(("red",), (5.0,))
    assert not answers.fits(0.025) and answers.waiting and said == []
    answers._asked_s -= 1.01 * LONGEST_WAIT_S
    assert not answers.fits(0.025) and not answers.waiting and said == [NO_TIME]
    answers._pending, answers._asked_s = iter(("blue",)), time.monotonic()
    assert answers.fits(0.025)
    answers.work()
    answers.work()
    assert said == [NO_TIME, "blue"] and answers.answered == 1
