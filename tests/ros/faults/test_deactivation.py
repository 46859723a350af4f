"""A managed node that is deactivated in motion: the arm decelerates, and nothing moves until both are active again."""

import time

import pytest
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState


@pytest.mark.fault("G4")
@pytest.mark.parametrize("node", ["policy_node", "guard_node"])
def test_a_node_that_is_deactivated_in_motion_stops_the_arm(loop, fault_repeat, node):
    client = loop.probe.node.create_client(ChangeState, f"{node}/change_state")
    loop.probe.wait(client.service_is_ready, "the service")
    answers = []

    def change(transition: int) -> float:
        at_s = time.monotonic()
        future = client.call_async(ChangeState.Request(transition=Transition(id=transition)))
        future.add_done_callback(lambda done: answers.append((time.monotonic(), done.result().success)))
        return at_s

    for _ in range(fault_repeat):
        answers.clear()
        loop.measure("G4", lambda: change(Transition.TRANSITION_DEACTIVATE), f"{node} is deactivated")
        loop.probe.wait(lambda: answers, "the answer")
        assert answers.pop()[1]
        loop.probe.wait(lambda: loop.speed() == 0.0, "zero velocity")
        said = loop.guard_said if node == "guard_node" else loop.policy_said
        loop.probe.wait(lambda: said[-1][1].message == "inactive", "the status")  # noqa: B023
        loop.probe.spin(0.2)
        assert loop.speed() == 0.0
        change(Transition.TRANSITION_ACTIVATE)
        loop.probe.wait(lambda: answers, "the answer")
        assert answers.pop()[1]
        if node == "guard_node":
            loop.is_latched()  # and waits for a reset, which `be_moving` gives
    loop.be_moving()
    loop.probe.node.destroy_client(client)
