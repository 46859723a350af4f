"""A node with the standard life cycle around one part that works; `ros2 lifecycle` and any manager drive it.

unconfigured --configure--> inactive --activate--> active, and back by deactivate and cleanup. Configure builds the
part, activate passes a gate or is refused with the reasons, cleanup releases all that configure made.
"""

from __future__ import annotations

import dataclasses
import gc
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from diagnostic_msgs.msg import DiagnosticStatus
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.executors import Executor, SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter

from gato_ros.core.errors import SetupError
from gato_ros.embodiments import Embodiment
from gato_ros.nodes.messages.diagnosis import ERROR, WARN, Diagnosis, status
from gato_ros.nodes.preflight.gate import preflight
from gato_ros.nodes.runtime.process import Stop, run_node
from gato_ros.nodes.runtime.qos import REPORT

RETRY_S = 0.2
"""Between two attempts of a node that brings itself up [s]."""
LOOK_S = 0.1
"""Longest wait for a callback before the node looks around [s]."""
SUCCESS, FAILURE, FAULT = (
    TransitionCallbackReturn.SUCCESS,
    TransitionCallbackReturn.FAILURE,
    TransitionCallbackReturn.ERROR,
)


def _kept_error(transition: Callable) -> Callable:
    """rclpy drops what a transition raises; here it is kept and reported, and the node goes through `on_error`."""

    def kept(self, state: LifecycleState) -> TransitionCallbackReturn:
        try:
            return transition(self, state)
        except Exception as error:
            self._error = error
            return FAULT

    return kept


def _events_executor(node: LifecycleNode) -> Executor:
    """The executor that gets events: the others build a wait set at every one, a third of a busy node's work.

    It knows no callback groups. The gate's inputs, which no executor may receive, live and die within one callback.
    """
    try:
        from rclpy.experimental import EventsExecutor
    except ImportError:
        node.get_logger().warning("this rclpy has no EventsExecutor: the node takes more processor time")
        return SingleThreadedExecutor(context=node.context)
    return EventsExecutor(context=node.context)


def _worded(reasons: tuple[str, ...]) -> list[str]:
    return [re.sub(r"[\d.]+", "", reason) for reason in reasons]


class Part(Protocol):
    """What a managed node is built around."""

    robot: Embodiment
    keys: tuple[str, ...] | None
    """Observations that it reads; None: of the robot's state whatever its role needs."""
    act_ms_p99: float | None
    """What it takes for an action [ms], where it makes any."""

    def objections(self) -> tuple[str, ...]:
        """Reasons of its own against an activation."""

    def activate(self) -> None:
        """Begin to work."""

    def deactivate(self) -> str | None:
        """Come to rest and work no more; why that is refused, or None."""

    def tell(self) -> None:
        """Publish the status at once; while the node is not active it holds the node's `refusals`."""

    def work(self) -> float:
        """Do what is due by the steady clock, raise if something has ended that should not; the time until more is [s].

        Called after every callback: what is due here waits for one of them at most, however many more are waiting.
        """

    def close(self) -> int:
        """Come to rest, whatever the state, and end what is no ROS entity; the exit code."""


Refusal = Callable[[Any, Mapping[str, Any], bool], "str | None"]
"""The node's parameters, those that somebody sets and whether the node is active -> why that is refused, or None."""


class ManagedNode(LifecycleNode):
    """Walks through the states on request, and up to `active` by itself where the parameter `autostart` says so."""

    def __init__(self, name: str, **options: Any):
        super().__init__(name, automatically_declare_parameters_from_overrides=True, **options)
        self.status = self.create_publisher(DiagnosticStatus, "~/status", REPORT)
        self.diagnosis = Diagnosis(self)
        self.refusals: tuple[str, ...] = ()
        """Why the last configure or activate was refused; empty after one that was not."""
        self._part: Part | None = None
        self._error: Exception | None = None
        self._active = False
        self.create_timer(1.0, self._tell_unconfigured, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def prepare(
        self,
        build: Callable[[ManagedNode, Any], Part],
        parameters: Any,
        role: str,
        refusal: Refusal = lambda parameters, changed, active: None,
    ) -> ManagedNode:
        """Say what configure builds; `role` is the gate's: "policy" or "guard"."""
        self._build, self._settings, self._role, self._refusal = build, parameters, role, refusal
        self.add_on_set_parameters_callback(self._on_set_parameters)
        self._walking, self._next_try_s = parameters.autostart, 0.0
        self._own = set(self._entities())
        return self

    # --- parameters ---

    def _on_set_parameters(self, changed: list[Parameter]) -> SetParametersResult:
        why = self._refusal(self._settings, {one.name: one.value for one in changed}, self._active)
        return SetParametersResult(successful=why is None, reason=why or "")

    def _settings_now(self) -> Any:
        """The parameters with those that were set since the node began."""
        mutable = [item.name for item in dataclasses.fields(self._settings) if item.metadata["mutable"]]
        return dataclasses.replace(self._settings, **{name: self.get_parameter(name).value for name in mutable})

    # --- transitions ---

    @_kept_error
    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._error, self.refusals = None, ()
        try:
            self._part = self._build(self, self._settings_now())
        except SetupError as error:
            self._release()
            self._error = error
            self._refuse("configure", (str(error),))
            return FAILURE
        # What is there now stays: to look through all of it for garbage takes 13 ms of a guard, much more of a policy
        # with JAX, and would come in the middle of a motion.
        gc.collect()
        gc.freeze()
        return SUCCESS

    @_kept_error
    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        if reasons := (
            *preflight(self, self._part.robot, self._role, self._part.keys, self._part.act_ms_p99),
            *self._part.objections(),
        ):
            self._refuse("activate", reasons)
            return FAILURE
        self.refusals, self._walking = (), False
        self._part.activate()
        self._active = True
        self._part.tell()
        return SUCCESS

    @_kept_error
    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        if (why := self._part.deactivate()) is not None:
            self.get_logger().error(f"deactivate is refused: {why}")
            return FAILURE
        self._active = False
        self._part.tell()
        return SUCCESS

    @_kept_error
    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._walking, self.refusals = False, ()
        self._release()
        self._tell_unconfigured()
        return SUCCESS

    @_kept_error
    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._walking = False
        self._release()
        return SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Rest, release, and say why until somebody configures again."""
        self.refusals = (f"{type(self._error).__name__}: {self._error}",)
        self.get_logger().error(self.refusals[0])
        self._release()
        self._tell_unconfigured()
        return SUCCESS

    def _refuse(self, what: str, reasons: tuple[str, ...]) -> None:
        # Reasons name figures, which are others at every attempt.
        new, self.refusals = _worded(reasons) != _worded(self.refusals), reasons
        # A node that brings itself up ends with a line of its own where it cannot be configured, and tries often.
        if new and not (self._walking and what == "configure"):
            self.get_logger().warning(f"{what} is refused: {'; '.join(reasons)}")
        if self._part is not None:
            self._part.tell()
        else:
            self._tell_unconfigured()

    def _entities(self) -> list:
        return [*self.publishers, *self.subscriptions, *self.services, *self.clients, *self.timers]

    def _release(self) -> int:
        """End the part and take its topics and services off the graph."""
        gc.unfreeze()
        part, self._part, self._active = self._part, None, False
        code = 0 if part is None else part.close()
        destroy = (
            (self.publishers, self.destroy_publisher),
            (self.subscriptions, self.destroy_subscription),
            (self.services, self.destroy_service),
            (self.clients, self.destroy_client),
            (self.timers, self.destroy_timer),
        )
        for entities, end in destroy:
            for entity in [entity for entity in entities if entity not in self._own]:
                end(entity)
        return code

    def _tell_unconfigured(self) -> None:
        if self._part is None and not self._walking:
            item = status(
                self,
                "",
                ERROR if self._error else WARN,
                "; ".join(("unconfigured", *self.refusals)),
                {"reasons": "", "source": ""},
            )
            self.status.publish(item)
            self.diagnosis.publish(item)

    # --- the process ---

    def _walk(self) -> None:
        """One step up; a gate that refuses is tried again later, when callbacks have had as much time as it took."""
        began_s = time.monotonic()
        if self._part is None:
            self.trigger_configure()
            if self._error is not None:
                raise self._error  # as a node without a life cycle: it cannot start
        self.trigger_activate()
        if self._error is not None:
            raise self._error
        now_s = time.monotonic()
        self._next_try_s = now_s + max(RETRY_S, now_s - began_s)

    def run(self, stop: Stop) -> int:
        """Work until `stop`; the part comes to rest and says so before this returns."""
        executor = _events_executor(self)
        executor.add_node(self)
        code, pause_s = 0, LOOK_S
        try:
            while not stop:
                if self._walking and time.monotonic() >= self._next_try_s:
                    self._walk()
                executor.spin_once(timeout_sec=pause_s)
                pause_s = LOOK_S if self._part is None else max(0.0, min(LOOK_S, self._part.work()))
        finally:
            if self._part is not None:
                code = self._part.close()
        return code


def run_managed_node(name: str, kind: type, build: Callable[[ManagedNode, Any], Part], role: str, **more: Any) -> int:
    """As `run_node`, for a node with a life cycle; `more` as `ManagedNode.prepare` takes it."""
    return run_node(name, kind, lambda node, parameters: node.prepare(build, parameters, role, **more), ManagedNode)
