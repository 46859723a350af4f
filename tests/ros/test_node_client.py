"""A client of the nodes gets over a lost answer, as of a node that answers before it has discovered the client."""

import contextlib
import json
import os
import threading

import pytest
from rcl_interfaces.msg import SetParametersResult
from rcl_interfaces.srv import SetParameters
from std_msgs.msg import String
from std_srvs.srv import Trigger

from gato_ros.nodes.runtime import node_client
from gato_ros.nodes.runtime.node_client import LoopClient, LoopFailed
from gato_ros.nodes.runtime.qos import REPORT


class Lost(Exception):
    """Raised by a callback: then no answer is sent."""


class Nodes:
    """The services that a loop client needs; the first so many requests of each are carried out, and not answered."""

    def __init__(self, lost: int):
        import rclpy
        from rclpy.context import Context
        from rclpy.executors import SingleThreadedExecutor

        self.calls = {"guard_node/reset": 0, "sim_node/reset": 0}
        self._lost, self._context, self._stop = lost, Context(), threading.Event()
        rclpy.init(context=self._context, domain_id=int(os.environ["ROS_DOMAIN_ID"]))
        self._node = rclpy.create_node("nodes", namespace="/sawyer", context=self._context)
        self._task = self._node.create_publisher(String, "sim_node/task", REPORT)
        for name in self.calls:
            self._node.create_service(Trigger, name, lambda request, response, name=name: self._answer(name, response))
        self._node.create_service(SetParameters, "sim_node/set_parameters", self._set)
        self._node.create_timer(0.05, self._tell)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._thread = threading.Thread(target=self._spin)
        self._thread.start()

    def _tell(self) -> None:
        self._task.publish(String(data=json.dumps({"episode": self.calls["sim_node/reset"]})))

    def _set(self, request, response):
        response.results = [SetParametersResult(successful=True) for _ in request.parameters]
        return response

    def _answer(self, name: str, response: Trigger.Response) -> Trigger.Response:
        self.calls[name] += 1
        if self.calls[name] <= self._lost:
            raise Lost
        response.success = True
        return response

    def _spin(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(Lost):
                self._executor.spin_once(timeout_sec=0.02)

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._executor.shutdown()
        self._node.destroy_node()
        self._context.try_shutdown()


@pytest.fixture
def client(monkeypatch, request):
    """A client of nodes that lose as many answers as the test's parameter says."""
    monkeypatch.setattr(node_client, "ANSWER_LIMIT_S", 0.3)
    nodes = Nodes(request.param)
    try:
        with LoopClient("client", "/sawyer", lambda: None) as made:
            made.wait_until_up()
            yield made, nodes.calls
    finally:
        nodes.close()


@pytest.mark.parametrize("client, asks", [(0, 1), (1, 2), (2, 3)], indirect=["client"])
def test_a_request_is_repeated_until_it_is_answered(client, asks):
    made, calls = client
    made._arm()
    assert calls["guard_node/reset"] == asks


@pytest.mark.parametrize("client", [0, 1], indirect=True)
def test_what_must_not_be_done_twice_is_seen_by_its_state(client):
    made, calls = client
    made._new_start(seed=1)
    assert calls["sim_node/reset"] == 1


@pytest.mark.parametrize("client", [10**6], indirect=True)
def test_a_node_that_never_answers_ends_the_wait(client, monkeypatch):
    made, calls = client
    monkeypatch.setattr(node_client, "CALL_LIMIT_S", 1.0)
    with pytest.raises(LoopFailed, match="waited 1 s for the guard to be armed"):
        made._arm()
    assert calls["guard_node/reset"] > 1
