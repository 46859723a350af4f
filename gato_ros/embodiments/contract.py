"""The embodiment contract: names, shapes, units, ranges, topics and limits of one robot.

The only source for the ROS topics and joint order, the token layout, the simulator's sensors, the
recorder's channels, the guard's limits and the checkpoint's compatibility check.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import numpy as np
from pydantic import Field, FiniteFloat, PrivateAttr, field_validator, model_validator

from gato_ros.core.errors import SetupError, unknown_name
from gato_ros.core.guard.motion import MotionLimits
from gato_ros.core.sensing.rotation_kinds import SIZES
from gato_ros.core.spec import StepSpec
from gato_ros.embodiments.actions.base import COMMAND, PROPOSAL, PlanarBasePart, check_base, demand_no_base
from gato_ros.embodiments.actions.gripper import GripperPart
from gato_ros.embodiments.actions.parts import ArmPart, Part, are_usual, arm_and_gripper, in_order
from gato_ros.embodiments.actions.twist import TwistPart
from gato_ros.embodiments.base_model import Misfit, Strict, misfits_at
from gato_ros.embodiments.channels import (
    Channel,
    ContinuousChannel,
    DiscreteChannel,
    ImageChannel,
    TextChannel,
    source_of,
)
from gato_ros.embodiments.guard_bounds import GuardBounds, NeighbourArm
from gato_ros.embodiments.policy_contract import policy_contract, tool_chain
from gato_ros.embodiments.sections import Arm, Gripper, Limits, RecordedTopic, Wire
from gato_ros.embodiments.simulation import Simulation
from gato_ros.embodiments.step_spec import step_spec
from gato_ros.embodiments.urdf_parts import joint_limits
from gato_ros.embodiments.versions.digest import guard_digest, recorded_digest
from gato_ros.embodiments.versions.implied import POSES

FOLDER = Path(__file__).parent
GROUND_TRUTH = "ground_truth"
"""Source of the channels that `with_privileged` adds; no robot has it, and no file may name it."""
OPENING = "gripper/opening"
ChannelKind = TypeVar("ChannelKind", ImageChannel, ContinuousChannel, DiscreteChannel, TextChannel)


class Embodiment(Strict):
    """A checked contract. Frozen; two with the same `digest` are the same robot to policies and recordings."""

    schema_: Literal[2] = Field(alias="schema")
    name: str
    description: str
    control_rate_hz: FiniteFloat = Field(gt=0)
    base_frame: str
    tool_frame: str
    wrist_frame: str
    urdf: str
    arm: Arm
    gripper: Gripper
    limits: Limits
    guard: GuardBounds
    simulation: Simulation | None = None
    """None: a robot that cannot be simulated."""
    observations: dict[str, Channel]
    actions: dict[str, Part]
    """In the order in which they are decided: the arm's part, the gripper's, the base's."""
    wire: Wire
    recorded: dict[str, RecordedTopic] = {}
    """Topics that are recorded and that no policy reads."""
    _folder: Path = PrivateAttr(FOLDER)
    _beside: dict[str, "Embodiment"] = PrivateAttr({})
    _ordered_actions = field_validator("actions")(in_order)

    @property
    def urdf_path(self) -> Path:
        """Beside the contract's file, or else beside the shipped ones."""
        beside = self._folder / self.urdf
        return beside if beside.exists() else FOLDER / self.urdf

    @property
    def guard_neighbours(self) -> dict[str, NeighbourArm]:
        """Other arms in this one's room, by name, as the contract states them."""
        return self.guard.neighbours or {}

    def neighbour(self, name: str) -> "Embodiment":
        """The contract of that neighbour, whose own neighbours are not loaded; SetupError where it was not either."""
        if name not in self._beside:
            raise unknown_name(f"a loaded neighbour of {self.name}", name, self._beside)
        return self._beside[name]

    def beside(self, others: dict[str, "Embodiment"]) -> "Embodiment":
        """The same contract, and those of its neighbours."""
        copy = self.model_copy()
        copy._beside = others
        return copy

    def found_in(self, folder: Path) -> "Embodiment":
        """The same contract with its URDF looked for in `folder`: where it lies is no part of what it says."""
        copy = self.model_copy()
        copy._folder = folder
        return copy

    @model_validator(mode="after")
    def _check(self) -> "Embodiment":
        joints = len(self.arm.joints)
        for at, values in (
            (("guard", "joint_acceleration_rad_s2"), self.guard.joint_acceleration_rad_s2),
            (("arm", "posture_rad"), self.arm.posture_rad),
        ):
            if len(values) != joints:
                raise Misfit(f"one value for each of {joints} joints, got {len(values)}", at)
        sizes = {
            "joint_position": joints,
            "joint_velocity": joints,
            "gripper_opening": 1,
            "gripper_grasp": 1,
        }
        for key, channel in self.observations.items():
            source, wanted = source_of(channel), sizes.get(source_of(channel), channel.shape[0])
            if source in POSES:
                wanted = 3 + SIZES[getattr(channel, "rotation", None) or "quaternion"]
            if channel.shape[0] != wanted:
                raise Misfit(f"{source} has {wanted} values, got {channel.shape[0]}", ("observations", key))
        opening = self.observations.get(OPENING)
        if opening is None or source_of(opening) != "gripper_opening":
            raise Misfit(
                f"{OPENING} with source gripper_opening is missing, which every policy that holds still reads",
                ("observations", OPENING) if OPENING in self.observations else ("observations",),
            )
        self._check_actions()
        return self

    def _check_actions(self) -> None:
        with misfits_at("actions"):
            arm_and_gripper(self.actions)
        for key, part in self.actions.items():
            with misfits_at("actions", key):
                part.check_fits(self.arm.joints, self.gripper.joint_range_rad)
        if isinstance(self.arm_part, TwistPart) and self.arm_part.tilts and self.limits.orientation is None:
            raise Misfit(
                "limits.orientation says how far the tool may tilt and turn, where a policy may tilt it; it is missing",
                ("actions", self.arm_key),
            )
        check_base(self.actions, self.guard, self.wire.base_command, self.simulation is not None)

    @cached_property
    def digest(self) -> str:
        """sha256 over the contract and its URDF, without what only guard or simulator use; travels in recordings.

        A bound of the guard that is tightened does not make a recorded episode another robot's, nor does the
        namespace that it was recorded in.
        """
        return recorded_digest(self, self.urdf_path)

    @cached_property
    def guard_digest(self) -> str:
        """sha256 over all that the guard can know and the URDF: two with the same one are guarded in the same way."""
        others = [self.neighbour(name) for name in self.guard_neighbours]
        theirs = "".join(one.digest + one.guard.model_dump_json(include={"clearance"}) for one in others)
        return guard_digest(self, self.urdf_path, theirs)

    @cached_property
    def spec(self) -> StepSpec:
        """What a policy of this robot observes and does in one step."""
        return step_spec(self.observations, self.actions)

    def policy_contract(self, observation_keys: Iterable[str]) -> dict[str, Any]:
        """What this robot and weights that read these keys must agree on; SetupError for an unknown key."""
        channels = {key: self.channel(key) for key in sorted(observation_keys)}
        tool = tool_chain(self.urdf_path, self.base_frame, self.tool_frame)
        actions = {key: part.model_dump(mode="json") for key, part in self.actions.items()}
        return policy_contract(self.control_rate_hz, channels, actions, tool)

    @cached_property
    def observation_keys(self) -> tuple[str, ...]:
        """All observation keys, in token order."""
        return tuple(sorted(self.observations))

    @cached_property
    def cameras(self) -> dict[str, ImageChannel]:
        """Observations that are pictures, in token order."""
        return self._of_kind(ImageChannel)

    @cached_property
    def vectors(self) -> dict[str, ContinuousChannel]:
        """Observations that are vectors, in token order."""
        return self._of_kind(ContinuousChannel)

    @cached_property
    def discretes(self) -> dict[str, DiscreteChannel]:
        """Observations that are integers, in token order."""
        return self._of_kind(DiscreteChannel)

    @cached_property
    def texts(self) -> dict[str, TextChannel]:
        """Observations that are texts, in token order."""
        return self._of_kind(TextChannel)

    @cached_property
    def listened(self) -> dict[str, ContinuousChannel | DiscreteChannel | TextChannel]:
        """Observations that are read from a topic of their own or from transforms, and are no pictures."""
        return {
            key: channel
            for key in self.observation_keys
            if not isinstance(channel := self.observations[key], ImageChannel) and channel.source is None
        }

    def _of_kind(self, kind: type[ChannelKind]) -> dict[str, ChannelKind]:
        found = ((key, self.observations[key]) for key in self.observation_keys)
        return {key: channel for key, channel in found if isinstance(channel, kind)}

    @cached_property
    def image_keys(self) -> tuple[str, ...]:
        return tuple(self.cameras)

    @cached_property
    def observes_grasp(self) -> bool:
        """Whether an observation is made of the gripper's effort; without one a gripper need not report it."""
        return any(source_of(channel) == "gripper_grasp" for channel in self.observations.values())

    def channel(self, key: str) -> Channel:
        """The channel named `key`; SetupError with the nearest name if there is none."""
        if key not in self.observations:
            raise unknown_name(f"an observation of {self.name}", key, self.observations)
        return self.observations[key]

    def key_of(self, source: str) -> str:
        """The first observation with that source, by name; SetupError if there is none."""
        for key in self.observation_keys:
            if source_of(self.observations[key]) == source:
                return key
        raise SetupError(
            expected=f"an observation of {self.name} with source {source}",
            got="none",
            fix="add it to the contract's `observations`",
        )

    @property
    def simulated(self) -> Simulation:
        """The section `simulation`; SetupError where there is none."""
        if self.simulation is None:
            demand_no_base(self.name, self.actions, "the simulator")
            raise SetupError(
                expected=f"a contract of {self.name} with a section `simulation`",
                got="none",
                fix="add it (docs/tutorials/your_robot.md), or choose another --embodiment",
            )
        return self.simulation

    @property
    def arm_key(self) -> str:
        """Key of the arm's part of the action."""
        return arm_and_gripper(self.actions)[0]

    @property
    def arm_part(self) -> ArmPart:
        """The part of the action that moves the arm."""
        return cast("ArmPart", self.actions[self.arm_key])

    @property
    def gripper_key(self) -> str:
        """Key of the gripper's part of the action."""
        return arm_and_gripper(self.actions)[1]

    @property
    def proposal_topics(self) -> tuple[str, str]:
        """Where a policy proposes the arm's part, and the gripper's."""
        return (
            self.arm_part.topic or self.wire.proposal_twist,
            self.gripper_part.topic or self.wire.proposal_gripper,
        )

    @property
    def base_key(self) -> str | None:
        """Key of the base's part of the action; None where nothing moves a base."""
        return next((key for key, part in self.actions.items() if part.moves == "base"), None)

    @property
    def base_part(self) -> PlanarBasePart | None:
        """The part of the action that moves the base, if there is one."""
        return None if self.base_key is None else cast("PlanarBasePart", self.actions[self.base_key])

    @property
    def base_topics(self) -> tuple[str, str]:
        """Where a policy proposes the base's part, and where the guard commands it."""
        stated = None if self.base_part is None else self.base_part.topic
        return stated or PROPOSAL, self.wire.base_command or COMMAND

    @property
    def gripper_part(self) -> GripperPart:
        """The part of the action that moves the gripper."""
        return cast("GripperPart", self.actions[self.gripper_key])

    @cached_property
    def usual_actions(self) -> bool:
        """Whether the action is vx vy vz wz of a tool that points down, and an opening: an `ArmAction`."""
        return are_usual(self.actions) and self.limits.orientation is None

    @cached_property
    def action_lower(self) -> np.ndarray:
        """[values] lowest of each, part by part; of the shipped ones: vx vy vz [m/s], wz [rad/s], opening [m]."""
        return np.array([value for part in self.actions.values() for value in part.lower])

    @cached_property
    def action_upper(self) -> np.ndarray:
        """[values] highest of each, as `action_lower`."""
        return np.array([value for part in self.actions.values() for value in part.upper])

    @cached_property
    def jog_upper(self) -> np.ndarray:
        """[4] vx vy vz [m/s], wz [rad/s] that an operator's full deflection asks for."""
        if self.usual_actions:
            return self.action_upper[:4]
        each = self.limits.linear_speed_m_s / np.sqrt(3)
        return np.array([each, each, each, self.limits.angular_speed_rad_s])

    @cached_property
    def joint_limits(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Lower [rad], upper [rad] and speed [rad/s] of the arm's joints, in the contract's order."""
        return joint_limits(self.urdf_path, self.arm.joints, self.arm.position_overrides_rad)

    @cached_property
    def motion_limits(self) -> MotionLimits:
        limits = self.limits
        return MotionLimits(
            np.array(limits.workspace_lower_m),
            np.array(limits.workspace_upper_m),
            limits.linear_speed_m_s,
            limits.angular_speed_rad_s,
            limits.linear_acceleration_m_s2,
            limits.angular_acceleration_rad_s2,
        )
