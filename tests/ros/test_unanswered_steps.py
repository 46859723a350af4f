"""The inference thread around a policy that is away for a while: a standstill at once, and the memory begins again."""

import numpy as np
import pytest
from geometry_msgs.msg import TwistStamped

from gato_ros.core.arm_action import ArmAction
from gato_ros.core.decision import Decision
from gato_ros.core.policy import PolicyInfo, PolicyUnavailable
from gato_ros.embodiments import load_embodiment
from gato_ros.nodes.policy.answers import Answers
from gato_ros.nodes.policy.inference_thread import InferenceThread
from gato_ros.nodes.policy.introspection import Introspection
from gato_ros.nodes.policy.journal import PolicyJournal
from gato_ros.nodes.policy.observation_assembler import GRIPPER, ObservationAssembler
from gato_ros.nodes.policy.proposal_publisher import ProposalPublisher
from gato_ros.nodes.policy.saliency import SaliencyMaps
from gato_ros.nodes.runtime.parameters import PolicyParameters
from gato_ros.nodes.runtime.qos import REPORT

ROBOT = load_embodiment()


class GoingPolicy:
    """Moves steadily, and is away while `away` says why."""

    observation_keys = ("gripper/opening",)
    info = PolicyInfo(remembers=True, reach_steps=3)

    def __init__(self):
        self.away, self.resets = "", 0

    def _be_there(self):
        if self.away:
            raise PolicyUnavailable(self.away)

    def reset(self, prompt=None):
        self._be_there()
        self.resets += 1

    def act(self, observation):
        self._be_there()
        return Decision(ArmAction(np.array([0.05, 0.0, 0.0, 0.0]), 0.01))


@pytest.fixture
def scene(probe):
    """(policy, its thread, the proposals received, a function that feeds the gripper's state)."""
    node, policy = probe.node, GoingPolicy()
    received = probe.listen(TwistStamped, ROBOT.wire.proposal_twist, REPORT)
    thread = InferenceThread(
        node,
        ROBOT,
        policy,
        None,
        ObservationAssembler(ROBOT, policy.observation_keys, 0.05),
        ProposalPublisher(node, ROBOT),
        PolicyJournal(node, policy, ROBOT, PolicyParameters()),
        Introspection(node, 0.0),
        Answers(None, (0, 0, 3), lambda: "nothing", lambda text: None),
        SaliencyMaps(node, ROBOT, policy, 0.0),
        True,
        lambda: None,
    )
    thread.start()
    yield policy, thread, received, lambda: thread.offer(GRIPPER, np.array([[0.04], [0.0]]), None)
    thread.end(5.0)


def moves(received) -> bool:
    return bool(received) and received[-1][1].twist.linear.x > 0.0


def test_the_arm_is_asked_to_stand_at_once_and_goes_on_with_a_new_memory(scene, probe):
    policy, thread, received, feed = scene
    thread.activate()
    probe.wait(lambda: moves(received), "proposals", meanwhile=feed, every_s=0.02)
    before = policy.resets
    policy.away = "policy server: gone"
    probe.wait(lambda: thread.counts["unanswered"] > 2, "steps without an answer", meanwhile=feed, every_s=0.02)
    probe.spin(0.2)
    assert thread.unavailable == "policy server: gone" and thread.failure is None
    assert not any((received[-1][1].twist.linear.x, received[-1][1].twist.angular.z)), "a standstill came last"
    assert policy.resets == before
    policy.away = ""
    probe.wait(lambda: moves(received), "proposals again", meanwhile=feed, every_s=0.02)
    assert policy.resets > before and thread.counts["memory_restarts"] > 0
    assert thread.unavailable == "" and thread.failure is None


def test_a_policy_that_is_away_at_the_start_begins_when_it_comes(scene, probe):
    policy, thread, received, feed = scene
    policy.away = "policy server: not yet"
    thread.activate()
    probe.wait(lambda: thread.counts["unanswered"] > 2, "steps without an answer", meanwhile=feed, every_s=0.02)
    assert not received and thread.failure is None
    policy.away = ""
    probe.wait(lambda: moves(received), "proposals", meanwhile=feed, every_s=0.02)
    assert policy.resets >= 2, "once when the thread was made, and at the start"
