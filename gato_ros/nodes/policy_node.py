"""policy_node: observations in, proposals out. It never commands the robot: guard_node does."""

from __future__ import annotations

import sys

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.clock import Clock, ClockType
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger

from gato_ros.core.errors import SetupError
from gato_ros.core.policy import Policy, PolicyUnavailable
from gato_ros.embodiments import Embodiment, load_embodiment
from gato_ros.evaluation.policy_source import robot_policy
from gato_ros.nodes.messages.clocks import instant
from gato_ros.nodes.messages.diagnosis import ERROR, OK, WARN, status
from gato_ros.nodes.policy.answers import Answers, answering_weights
from gato_ros.nodes.policy.inference_thread import InferenceThread
from gato_ros.nodes.policy.introspection import Introspection
from gato_ros.nodes.policy.journal import PolicyJournal
from gato_ros.nodes.policy.observation_assembler import ObservationAssembler
from gato_ros.nodes.policy.prompt import load_prompt
from gato_ros.nodes.policy.proposal_publisher import ProposalPublisher
from gato_ros.nodes.policy.saliency import SaliencyMaps
from gato_ros.nodes.policy.sensor_subscriptions import SensorSubscriptions
from gato_ros.nodes.policy.weights_choice import refusal
from gato_ros.nodes.preflight.gate import time_of_an_action
from gato_ros.nodes.runtime.managed_node import LOOK_S, ManagedNode, run_managed_node
from gato_ros.nodes.runtime.parameters import PolicyParameters
from gato_ros.nodes.runtime.qos import REPORT
from gato_ros.remote.address import is_remote

NAME = "policy_node"
PACE_TRIES, PACE_ACTIONS = 5, 10
"""How often the time of an action is taken at the most, and over how many actions each time."""
END_LIMIT_S = 2.0
"""An action that is under way may take this long to end [s]."""


def make_policy(
    name: str, robot: Embodiment, compilation_cache: str, precision: str, server_keys: str = "", digest: str = ""
) -> Policy:
    """`hold`, the policy of these weights, warmed up, or that of a server; SetupError where none fits.

    Args:
        digest: how the sha256 of the weights begins; nothing: whichever they are.
    """
    if is_remote(name):
        from gato_ros.remote.policy import RemotePolicy

        return RemotePolicy(name, robot, 1.0 / robot.control_rate_hz, server_keys, digest)
    policy = robot_policy(name, robot, compilation_cache, precision)
    if not policy.info.digest.startswith(digest):
        found = policy.info.digest[:12] or "none: it has no weights"
        raise SetupError(
            expected=f"weights with sha256 {digest[:64]}",
            got=f"{found} in {name}",
            fix="name those weights, or leave weights_digest empty",
        )
    return policy


def own_pace(policy: Policy, robot: Embodiment) -> float | None:
    """What an action takes here [ms], the best of a few tries; None for a policy that reads nothing, or reads texts.

    The gate refuses a policy that cannot keep the control rate; a machine that was busy for a moment is no such reason.
    """
    if not policy.observation_keys or any(robot.channel(key).kind == "text" for key in policy.observation_keys):
        return None
    took_ms, late = np.inf, None
    for _ in range(PACE_TRIES):
        try:
            policy.reset(None)
            took_ms = time_of_an_action(policy, robot, PACE_ACTIONS)
        except PolicyUnavailable as error:
            took_ms, late = np.inf, error
        if took_ms <= 1e3 / robot.control_rate_hz:
            break
    if late is not None and took_ms == np.inf:
        raise SetupError(
            expected=f"{PACE_ACTIONS} actions within {1e3 / robot.control_rate_hz:g} ms each",
            got=str(late),
            fix="serve a smaller policy, on a quicker or a quieter machine",
        )
    return took_ms


class PolicyNode:
    """Callbacks keep the newest message; the inference thread makes observations and proposes at the control rate."""

    def __init__(self, node: ManagedNode, parameters: PolicyParameters):
        self._node, self._name = node, parameters.policy
        self.robot = robot = load_embodiment(parameters.embodiment)
        self._policy = make_policy(
            parameters.policy,
            robot,
            parameters.compilation_cache,
            parameters.precision,
            parameters.server_keys,
            parameters.weights_digest,
        )
        try:
            self._set_up(node, robot, parameters)
        except BaseException as error:
            self._leave_server()
            if isinstance(error, PolicyUnavailable):
                fix = "is it still there? configure the node again"
                raise SetupError(expected="a policy server that answers", got=str(error), fix=fix) from None
            raise

    def _set_up(self, node: ManagedNode, robot: Embodiment, parameters: PolicyParameters) -> None:
        self.keys, self.act_ms_p99 = tuple(self._policy.observation_keys), own_pace(self._policy, robot)
        prompt = load_prompt(parameters.prompt, parameters.prompt_part, self._policy, robot)
        self._assembler = ObservationAssembler(robot, self._policy.observation_keys, parameters.future_tolerance_s)
        self._set_task(parameters.task)
        self._silent: tuple[str, ...] = ()
        self._proposals = ProposalPublisher(node, robot)
        journal = PolicyJournal(node, self._policy, robot, parameters)
        self._introspection = Introspection(node, parameters.hold_above_entropy)
        said = node.create_publisher(String, "~/answer", REPORT)
        remote = is_remote(parameters.policy)
        weights = None if parameters.policy == "hold" or remote else answering_weights(parameters.policy)
        cameras = self._assembler.image_keys
        shape = robot.channel(cameras[0]).shape if cameras else (0, 0, 3)
        self._answers = Answers(weights, shape, self._picture, lambda text: said.publish(String(data=text)))
        # What counts in a picture is asked of the weights themselves: a server answers with actions only.
        self._saliency = SaliencyMaps(node, robot, self._policy, 0.0 if remote else parameters.saliency_rate_hz)
        self._thread = InferenceThread(
            node,
            robot,
            self._policy,
            prompt,
            self._assembler,
            self._proposals,
            journal,
            self._introspection,
            self._answers,
            self._saliency,
            parameters.propose_at_start,
            self.tell,
        )
        self._sensors = SensorSubscriptions(node, robot, self._assembler, self._thread.offer, self._thread.fail)
        node.create_subscription(String, "~/ask", self._on_question, REPORT)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        node.create_timer(1.0, self._diagnose, clock=steady)
        node.create_timer(0.1, self._look_for_silence, clock=steady)
        # Last, so that whoever waits for the services finds a policy that is warm.
        node.create_service(Trigger, "~/reset", self._on_reset)
        node.create_service(SetBool, "~/propose", self._on_propose)
        node.create_service(Trigger, "~/reload_prompt", self._on_reload_prompt)
        self._thread.start()

    # --- the life cycle ---

    def objections(self) -> tuple[str, ...]:
        """What has failed lasts until ~/reset; weights that were chosen meanwhile drive, or none."""
        wanted, failure = self._node.get_parameter("policy").value, self._thread.failure
        other = f"policy names {wanted}, and {self._name} is loaded: clean up and configure first"
        return (*((other,) if wanted != self._name else ()), *((failure,) if failure is not None else ()))

    def activate(self) -> None:
        self._thread.activate()

    def deactivate(self) -> None:
        self._thread.deactivate()

    def work(self) -> float:
        if not self._thread.alive:
            raise RuntimeError("the inference thread ended by itself")
        return LOOK_S

    def close(self) -> int:
        if self._thread.active:
            self._thread.deactivate()
        self._thread.end(END_LIMIT_S)
        self._leave_server()
        return 0

    def _leave_server(self) -> None:
        """Another node, or this one configured again, gets the session."""
        if self._policy.info.served is not None:
            self._policy.close()

    # --- services ---

    def _set_task(self, task: str) -> None:
        self._assembler.set_task(task)
        if self._assembler.texts:
            self._policy.check_texts(self._assembler.texts)

    def _on_reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        with self._thread.changed:
            try:
                self._set_task(self._node.get_parameter("task").value)
            except SetupError as error:
                # The episode before must not go on with a task that was withdrawn.
                self._thread.failure = None
                self._thread.fail(str(error))
                response.success, response.message = False, str(error)
                return response
            self._thread.new_episode()
        response.success, response.message = True, "a new episode"
        return response

    def _on_propose(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        self._thread.propose(request.data)
        self._diagnose()  # at once: a guard that stops now has no incident
        response.success, response.message = True, "proposing" if request.data else "silent"
        if request.data and not self._thread.active:
            response.message = "proposing as soon as the node is active"
        return response

    def _on_reload_prompt(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        """Read the file that the parameters name; episodes follow it from the next ~/reset or ~/propose on."""
        name, part = (self._node.get_parameter(key).value for key in ("prompt", "prompt_part"))
        try:
            prompt = load_prompt(name, part, self._policy, self.robot)
        except SetupError as error:
            response.success, response.message = False, str(error)
            return response
        with self._thread.changed:
            self._thread.prompt = prompt
        response.success, response.message = True, f"from the next episode on: {prompt or 'no prompt'}"
        return response

    # --- questions ---

    def _picture(self) -> np.ndarray | str:
        with self._thread.changed:
            return self._assembler.picture(instant(self._node))

    def _on_question(self, message: String) -> None:
        """Answered on ~/answer, in the time that control leaves."""
        self._answers.ask(message.data)
        with self._thread.changed:
            self._thread.changed.notify_all()

    # --- what the node says ---

    def _look_for_silence(self) -> None:
        before, self._silent = self._silent, self._sensors.silent()
        if self._silent != before:
            self.tell()

    def _diagnose(self) -> None:
        self._node.diagnosis.publish(self.tell())

    def _level_and_message(self) -> tuple[bytes, str]:
        thread, refusals = self._thread, self._node.refusals
        if thread.failure is not None:
            return ERROR, thread.failure
        if not thread.active:
            why = (*self._silent, *thread.missing(), *refusals)
            return (WARN, "; ".join(("inactive", *why))) if refusals else (OK, "inactive")
        if thread.unavailable and thread.proposing:
            return WARN, thread.unavailable
        if (thread.faults or self._silent) and thread.proposing:
            return WARN, "; ".join((*self._silent, *thread.faults))
        if self._introspection.doubt and thread.proposing:
            return WARN, self._introspection.doubt
        if self._proposals.mismatch:
            return WARN, self._proposals.mismatch
        return OK, "proposing" if thread.proposing else "silent"

    def tell(self) -> DiagnosticStatus:
        """Publish ~/status: every second, and at once when something is wrong or well again."""
        thread = self._thread
        act = (
            {}
            if not thread.act_ms
            else {
                "act_ms_p50": f"{np.percentile(list(thread.act_ms), 50):.2f}",
                "act_ms_p99": f"{np.percentile(list(thread.act_ms), 99):.2f}",
            }
        )
        item = status(
            self._node,
            self.robot.name,
            *self._level_and_message(),
            thread.counts
            | {
                "refused_messages": self._sensors.refused,
                "last_refusal": self._sensors.last_refusal,
                "repeated_messages": self._assembler.repeated,
                "clipped_values": self._assembler.clipped,
                "answered": self._answers.answered,
                "saliency_maps": self._saliency.published,
            }
            | ({"saliency": self._saliency.problem} if self._saliency.problem else {})
            | act
            | {"policy": self._name, "weights_digest": self._policy.info.digest}
            | self._prompt_shown(),
        )
        self._node.status.publish(item)
        return item

    def _prompt_shown(self) -> dict[str, str]:
        thread = self._thread
        waiting = {} if thread.prompt is thread.prompt_in_use else {"next_prompt": str(thread.prompt or "none")}
        return {"prompt": str(thread.prompt_in_use or "none"), **waiting}


def main() -> int:
    return run_managed_node(NAME, PolicyParameters, PolicyNode, "policy", refusal=refusal)


if __name__ == "__main__":
    sys.exit(main())
