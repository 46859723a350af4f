"""Nodes with a life cycle, driven by the standard services as `ros2 lifecycle` does it."""

import signal
import time

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.msg import State, Transition, TransitionEvent
from lifecycle_msgs.srv import ChangeState, GetAvailableTransitions, GetState
from rcl_interfaces.srv import SetParameters
from rclpy.callback_groups import CallbackGroup
from rclpy.parameter import Parameter
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger

from gato_ros.nodes.messages.clocks import seconds
from gato_ros.nodes.messages.diagnosis import values_of
from gato_ros.nodes.runtime.qos import COMMAND, REPORT
from tests.ros.guard_scene import WIRE

CONFIGURE, ACTIVATE, DEACTIVATE, CLEANUP = (
    Transition.TRANSITION_CONFIGURE,
    Transition.TRANSITION_ACTIVATE,
    Transition.TRANSITION_DEACTIVATE,
    Transition.TRANSITION_CLEANUP,
)
BY_HAND = ("-p", "autostart:=false")
STANDS_S = 0.15
"""From the request to a standstill [s]: the bound of G4."""


class Managed:
    """A node without autostart, what it says, and its transitions."""

    def __init__(self, processes, probe, name, *arguments):
        self.probe, self.name = probe, name
        self.status = probe.listen(DiagnosticStatus, f"{name}/status", REPORT)
        self.process = processes.node(name, *BY_HAND, *arguments)

    def change(self, transition: int) -> bool:
        request = ChangeState.Request(transition=Transition(id=transition))
        return self.probe.call(ChangeState, f"{self.name}/change_state", request).success

    def state(self) -> str:
        return self.probe.call(GetState, f"{self.name}/get_state", GetState.Request()).current_state.label

    def says(self, words: str) -> None:
        text = lambda: f"{self.status[-1][1].message} {values_of(self.status[-1][1]).get('reasons', '')}"
        self.probe.wait(lambda: self.status and words in text(), f"{self.name} to say {words!r}")


def reset(probe) -> Trigger.Response:
    return probe.call(Trigger, "guard_node/reset", Trigger.Request())


def be_moving(probe, guard, arm) -> None:
    """Reset the guard until the arm moves: a busy machine may delay proposals for so long that it latches again."""

    def reset_if_latched() -> None:
        if guard.status[-1][1].message == "latched":
            reset(probe)

    probe.wait(lambda: speed(arm[-1][1]) > 0.05, "motion", meanwhile=reset_if_latched)


@pytest.fixture
def arm(probe):
    return probe.listen(JointState, WIRE.arm_command, REPORT)


def speed(message) -> float:
    return max(map(abs, message.velocity))


def test_a_guard_is_led_through_its_states(processes, probe, arm, stalls):
    guard = Managed(processes, probe, "guard_node")
    assert guard.state() == "unconfigured"
    offered = probe.call(
        GetAvailableTransitions, "guard_node/get_available_transitions", GetAvailableTransitions.Request()
    ).available_transitions
    assert {item.transition.label for item in offered} == {"configure", "shutdown"}
    assert not probe.node.count_publishers(WIRE.arm_command)
    assert guard.change(CONFIGURE) and guard.state() == "inactive"

    # No robot: refused, with the reason on its status; it stays inactive, and says nothing to the arm.
    assert not guard.change(ACTIVATE)
    guard.says(f"{WIRE.joint_states.topic}: nobody publishes it")
    assert guard.state() == "inactive" and reset(probe).message == "refused: inactive" and not arm
    processes.start("tests/ros/still_robot.py")
    probe.wait(lambda: probe.node.count_publishers(WIRE.joint_states.topic), "the robot")
    end_s = time.monotonic() + 60.0
    while not guard.change(ACTIVATE):
        assert time.monotonic() < end_s, guard.status[-1]

    # Found long before it is used: how long services take to find each other is not the guard's.
    found = probe.node.create_client(ChangeState, "guard_node/change_state")
    probe.wait(found.service_is_ready, "the service")

    # Active: zeros, and latched until a reset, whoever proposes.
    probe.wait(lambda: arm, "commands")
    processes.start("tests/ros/moving_policy.py")
    probe.wait(lambda: float(values_of(guard.status[-1][1])["proposal_age_ms"]) < 100.0, "proposals")
    guard.says("not_armed")
    assert not any(speed(message) for _, message in arm)
    be_moving(probe, guard, arm)

    # Down in motion: slower at once, zeros before it answers, silence afterwards.
    probe.spin(0.3)
    be_moving(probe, guard, arm)
    kept_waiting = stalls(guard=guard.process.pid)
    moving, since, called_s = speed(arm[-1][1]), len(arm), time.monotonic()
    answer = found.call_async(ChangeState.Request(transition=Transition(id=DEACTIVATE)))
    kept_waiting.has_done("the test")
    probe.wait(answer.done, "the answer", every_s=0.005)
    answered_s, answered_wall_s = time.monotonic(), time.time()
    assert answer.result().success
    most_s = kept_waiting.limit_s(STANDS_S)
    guard.says("inactive")
    probe.wait(lambda: speed(arm[-1][1]) == 0.0, "zero velocity")
    probe.spin(0.1)
    slower_s = next(one.sent_s for one in arm[since:] if speed(one[1]) < 0.97 * moving)
    stood_s = next(one.sent_s for one in arm[since:] if speed(one[1]) == 0.0)
    print(
        f"slower after {1e3 * (slower_s - called_s):.0f} ms, zero after {1e3 * (stood_s - called_s):.0f} ms, "
        f"answered after {1e3 * (answered_s - called_s):.0f} ms"
    )
    assert stood_s - called_s < most_s and stood_s < answered_s, kept_waiting
    assert [speed(message) for _, message in arm[-2:]] == [0.0, 0.0]
    assert seconds(arm[-1][1].header.stamp) < answered_wall_s
    received = len(arm)
    probe.spin(0.3)
    assert len(arm) == received and not reset(probe).success

    # Up again: the policy still proposes, and nothing moves before a reset.
    assert guard.change(ACTIVATE)
    guard.says("deactivated")
    probe.spin(0.3)
    assert len(arm) > received and not any(speed(message) for _, message in arm[received:])
    be_moving(probe, guard, arm)

    # A second publisher of commands is a reason of the gate as well; cleanup takes the node off the topics.
    assert guard.change(DEACTIVATE)
    rogue = probe.node.create_publisher(JointState, WIRE.arm_command, COMMAND)

    def refused() -> bool:
        return not guard.change(ACTIVATE) or not guard.change(DEACTIVATE)

    probe.wait(refused, "the refusal")  # once the guard has found the publisher
    guard.says(f"{WIRE.arm_command}: /sawyer/probe commands the robot past the guard")
    probe.node.destroy_publisher(rogue)
    assert guard.change(CLEANUP) and guard.state() == "unconfigured"
    probe.wait(lambda: not probe.node.count_publishers(WIRE.arm_command), "the topics to be free")
    guard.process.send_signal(signal.SIGTERM)
    assert guard.process.wait(timeout=60.0) == 0


def test_a_policy_that_cannot_be_configured_says_why_and_retries(processes, probe, tmp_path):
    policy = Managed(processes, probe, "policy_node", "-p", f'policy:="{tmp_path / "nothing"}"')
    for _ in range(2):
        assert not policy.change(CONFIGURE) and policy.state() == "unconfigured"
        policy.says("unconfigured; expected")
    assert policy.process.poll() is None
    assert "configure is refused: expected" in policy.process.log_path.read_text()


class Recorder:
    """Transitions of both managed nodes in the order of their arrival."""

    def __init__(self, probe):
        self._probe, self.goals = probe, []
        self._subscriptions = [
            probe.node.create_subscription(TransitionEvent, f"{name}/transition_event", self._take(name), 100)
            for name in ("guard_node", "policy_node")
        ]

    def listen(self) -> None:
        """Wait until both are received: what they say before is said to nobody."""
        self._probe.wait(lambda: all(one.get_publisher_count() for one in self._subscriptions), "both nodes")

    def _take(self, name):
        return lambda event: self.goals.append((name, event.goal_state.label))

    def wait(self, name, goal, since=0) -> int:
        """Place of the first arrival of `name` in this state."""
        self._probe.wait(lambda: (name, goal) in self.goals[since:], f"{name} to be {goal}")
        return self.goals.index((name, goal), since)


def test_the_manager_brings_up_guard_then_policy_and_down_in_the_other_order(processes, probe):
    events = Recorder(probe)
    said = probe.listen(DiagnosticStatus, "lifecycle_manager/status", REPORT)
    says = lambda words: probe.wait(lambda: said and words in said[-1][1].message, f"the manager to say {words!r}")
    is_said = lambda word: probe.wait(lambda: said and said[-1][1].message == word, f"the manager to be {word}")
    guard = Managed(processes, probe, "guard_node", "-p", "start_armed:=true")
    policy = Managed(processes, probe, "policy_node")
    events.listen()
    manager = processes.node("lifecycle_manager")
    says("waiting for guard_node: inactive; joint_states: nobody publishes it")  # no robot yet: not one step further
    assert policy.state() == "unconfigured"
    processes.node("sim_node")
    is_said("up")
    policy_begins = events.wait("policy_node", "configuring")
    assert events.wait("guard_node", "active") < policy_begins < events.wait("policy_node", "active")
    probe.wait(lambda: values_of(guard.status[-1][1])["source"] == "policy", "the policy in command")

    since = len(events.goals)
    assert probe.call(Trigger, "lifecycle_manager/bring_down", Trigger.Request()).success
    is_said("down")
    assert events.wait("policy_node", "inactive", since) < events.wait("guard_node", "inactive", since)
    assert guard.state() == policy.state() == "inactive"
    assert probe.call(Trigger, "lifecycle_manager/bring_up", Trigger.Request()).success
    is_said("up")

    # A guard that somebody takes down takes the policy with it, and stays down.
    assert guard.change(DEACTIVATE)
    says("guard_node is no longer active")
    probe.wait(lambda: policy.state() == "inactive", "the policy to go down")
    assert guard.state() == "inactive"

    # On SIGTERM it brings down what is up.
    assert probe.call(Trigger, "lifecycle_manager/bring_up", Trigger.Request()).success
    is_said("up")
    manager.send_signal(signal.SIGINT)
    assert manager.wait(timeout=60.0) == 0
    assert policy.state() == guard.state() == "inactive"


class Unserved(CallbackGroup):
    """No executor serves what is in this group."""

    def can_execute(self, entity):
        return False

    def beginning_execution(self, entity):
        return False

    def ending_execution(self, entity):
        pass


def test_a_node_whose_answer_is_lost_is_believed_by_its_state(processes, probe):
    """The services of a managed node; it carries out every transition, and no answer ever arrives."""
    state, calls = State(id=State.PRIMARY_STATE_UNCONFIGURED), []
    goals = {CONFIGURE: State.PRIMARY_STATE_INACTIVE, ACTIVATE: State.PRIMARY_STATE_ACTIVE}
    change = probe.node.create_service(ChangeState, "mute/change_state", None, callback_group=Unserved())

    def obey() -> None:
        with change.handle:
            request, _ = change.handle.service_take_request(ChangeState.Request)
        if request is not None:
            calls.append(request.transition.id)
            state.id = goals[request.transition.id]

    def tell(request, response):
        response.current_state = state
        return response

    said = probe.listen(DiagnosticStatus, "lifecycle_manager/status", REPORT)
    probe.node.create_service(GetState, "mute/get_state", tell)
    processes.node("lifecycle_manager", "-p", "managed:=mute")
    probe.wait(lambda: said and said[-1][1].message == "up", "the manager to be up", meanwhile=obey)
    assert calls == [CONFIGURE, ACTIVATE]


def test_a_manager_of_nothing_is_refused(processes):
    node = processes.node("lifecycle_manager", "-p", "managed:=guard_node,guard_node")
    assert node.wait(timeout=60.0) == 2 and "each once" in node.log_path.read_text()


def test_other_weights_are_taken_while_inactive_and_loaded_by_configure(processes, probe):
    policy = Managed(processes, probe, "policy_node")
    assert policy.change(CONFIGURE)
    policy.says("inactive")

    def choose(name: str):
        request = SetParameters.Request(parameters=[Parameter("policy", value=name).to_parameter_msg()])
        return probe.call(SetParameters, "policy_node/set_parameters", request).results[0]

    wrong = choose("sawyer_masterly")
    assert not wrong.successful and "did you mean 'sawyer_mastery'?" in wrong.reason
    assert choose("sawyer_mastery").successful
    assert not policy.change(ACTIVATE)
    policy.says("policy names sawyer_mastery, and hold is loaded: clean up and configure first")
    # Back to what is loaded: nothing but the robot that is not there keeps it from being activated.
    assert choose("hold").successful and not policy.change(ACTIVATE)
    probe.wait(lambda: "clean up" not in policy.status[-1][1].message, "other reasons")

    assert choose("sawyer_mastery").successful and policy.change(CLEANUP) and policy.change(CONFIGURE)
    probe.wait(lambda: values_of(policy.status[-1][1]).get("policy") == "sawyer_mastery", "the new weights", 120.0)
