"""What of a foreign recording is what of our contract: a YAML file, or known for exports of our own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from gato_ros.core.arm_action import GRIPPER, TWIST
from gato_ros.core.errors import SetupError
from gato_ros.data.exports.lerobot import camera_name
from gato_ros.data.exports.value_names import value_names
from gato_ros.data.imports.source import SourceEpisode
from gato_ros.embodiments import Embodiment
from gato_ros.embodiments.actions.base import demand_no_base
from gato_ros.embodiments.actions.joints import JointPositionPart
from gato_ros.embodiments.base_model import Misfit, Strict
from gato_ros.embodiments.pictures.camera import Crop
from gato_ros.embodiments.validation import validated
from gato_ros.embodiments.yaml_file import read_yaml

Finite = Annotated[float, Field(allow_inf_nan=False)]
WHAT, EXAMPLE = "a mapping", "docs/how-to/import.md"


class Pick(Strict):
    """Values of a column, in a linear change of units."""

    column: str = Field(alias="from")
    """Its name in the source; of a camera, too."""
    index: tuple[int | str | None, ...] = ()
    """Places, or names where the source has them; null: always 0. Nothing: the whole column."""
    scale: Finite | tuple[Finite, ...] = 1.0
    """One for all values, or one for each. Of depth: times millimetres (whole numbers) or metres."""
    offset: Finite | tuple[Finite, ...] = 0.0
    """Added after the scale."""
    clip: bool = False
    """Values out of the contract's range become its bounds. Without it an episode with such an action is left out."""
    crop: Crop | None = None
    """Of a camera: what is kept of its pictures; as in a contract's `camera`."""
    rotate_deg: Literal[90, 180, 270] | None = None
    """Clockwise, after the crop."""
    flip: Literal["horizontal", "vertical"] | None = None
    """After the turn; horizontal: left becomes right."""

    @property
    def moves_pixels(self) -> bool:
        """Whether it says how a picture is to be shown."""
        return self.crop is not None or self.rotate_deg is not None or self.flip is not None


class TwistPick(Pick):
    """[vx vy vz wz] [m/s], [rad/s] in the base frame."""

    of: Literal["command", "next_state"] = "command"
    """next_state: the values are [x y z yaw] [m], [rad] of the tool, and the twist leads to those of the next tick."""


class ArmPick(Pick):
    """The values of the contract's own part of the action that moves the arm, in their order and units."""

    of: Literal["command", "next_state"] = "command"
    """next_state: the values are where the joints are, and the targets are those of the next tick."""


class GripperPick(Pick):
    """An opening [m], or the joint's position [rad] where the contract's gripper is commanded so."""

    of: Literal["command", "next_state"] = "command"
    """next_state: the opening that the fingers have at the next tick."""


class ActionPicks(Strict):
    """What was to be done."""

    twist: TwistPick | None = None
    """Of a contract with the usual action, vx vy vz wz."""
    arm: ArmPick | None = None
    """Of any other."""
    gripper: GripperPick

    @model_validator(mode="after")
    def _one_of_two(self) -> ActionPicks:
        if (self.twist is None) == (self.arm is None):
            raise Misfit("`twist` or `arm`, one of the two: what moves the arm")
        return self


class ImportMapping(Strict):
    """How an episode is made of a foreign one."""

    observations: dict[str, Pick] = {}
    """Contract key -> where it comes from. Of a bag nothing: the contract names its topics."""
    action: ActionPicks
    executed: ActionPicks | None = None
    """What was carried out; nothing: the action."""
    rate_hz: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Where the source does not say it."""
    task: str = ""
    """In words, for episodes that do not say it."""
    success: bool | None = None
    """Of episodes that do not say it."""

    @model_validator(mode="after")
    def _crops_are_for_cameras(self) -> ImportMapping:
        for key, pick in self.observations.items():
            if pick.moves_pixels and not key.endswith("/pixels"):
                raise Misfit(f"{key}: only a camera's pictures are cut or turned", ("observations", key))
            if key.endswith("/pixels") and (
                isinstance(pick.scale, tuple) or pick.offset != 0.0 or pick.index or pick.clip
            ):
                raise Misfit(f"{key}: of a camera only `scale` is known, one number for depth", ("observations", key))
        return self


def read_mapping(path: Path) -> ImportMapping:
    """The file at `path`.

    Raises:
        SetupError: an unknown or missing key, or a bad value, with its line.
    """
    return validated(ImportMapping, read_yaml(path, WHAT, EXAMPLE), WHAT, EXAMPLE)


def check_mapping(mapping: ImportMapping, robot: Embodiment) -> None:
    """Raises SetupError: no observation, one that the contract does not have, or only some of its cameras; or an
    action of another kind."""
    for picks in filter(None, (mapping.action, mapping.executed)):
        check_action(picks, robot)
    known = robot.observations
    if not mapping.observations:
        raise SetupError(expected="`observations` in the mapping", got="none", fix="see docs/how-to/import.md")
    for key in mapping.observations:
        if key not in known:
            raise SetupError(
                expected=f"observations of {robot.name}: {', '.join(known)}",
                got=key,
                fix="correct the mapping, or name another contract with --embodiment",
            )
    for key, channel in robot.cameras.items():
        if key in mapping.observations and mapping.observations[key].scale != 1.0 and channel.camera.depth_m is None:
            raise SetupError(
                expected=f"`scale` for a camera of depth only, one with camera.depth_m in {robot.name}",
                got=f"scale of {key}",
                fix="leave it out: colours are taken as they are",
            )
    given = [key for key in robot.image_keys if key in mapping.observations]
    if given and len(given) != len(robot.image_keys):
        raise SetupError(
            expected=f"all cameras of {robot.name}, or none: {', '.join(robot.image_keys)}",
            got=", ".join(given),
            fix="add the others, or use a contract with these cameras (`extends: ...`)",
        )


def check_action(picks: ActionPicks, robot: Embodiment) -> None:
    """SetupError where the contract's arm is not moved in that way, or moves on a base."""
    demand_no_base(robot.name, robot.actions, "an import")
    part = robot.arm_part
    wanted = "twist" if robot.usual_actions else "arm"
    if getattr(picks, wanted) is None:
        raise SetupError(
            expected=f"action.{wanted} in the mapping: {' '.join(part.names)} [{part.units[0]}] of {robot.name}",
            got="twist" if wanted == "arm" else "arm",
            fix="see docs/how-to/import.md",
        )
    absolute = isinstance(part, JointPositionPart) and part.mode == "absolute"
    if picks.arm is not None and picks.arm.of == "next_state" and not absolute:
        raise SetupError(
            expected=f"action.arm of: command, for {robot.name} is not moved by absolute joint positions",
            got="of: next_state",
            fix="name the column with the commands",
        )


def mapping_of_ours(format: str, robot: Embodiment, episode: SourceEpisode) -> ImportMapping:
    """Of an export that `episodes export` made of recordings of this robot."""
    observations: dict[str, Pick] = {}
    for key, channel in robot.observations.items():
        if channel.kind == "image":
            name = camera_name(key) if format == "lerobot" else _flat(format, key)
            if name in episode.cameras:
                observations[key] = Pick.model_validate({"from": name})
        elif format == "lerobot":
            names = value_names(robot, key, int(channel.shape[0]))
            if set(names) <= set(episode.names["observation.state"]):
                observations[key] = Pick.model_validate({"from": "observation.state", "index": tuple(names)})
        elif _flat(format, key) in episode.columns:
            observations[key] = Pick.model_validate({"from": _flat(format, key)})
    plural = "s" if format == "hdf5" else ""
    action, executed = (_action_of_ours(robot, f"{name}{plural}") for name in ("action", "executed_action"))
    return ImportMapping(observations=observations, action=action, executed=executed)


def _action_of_ours(robot: Embodiment, column: str) -> ActionPicks:
    last, arm = len(robot.arm_part.names), TWIST if robot.usual_actions else "arm"
    return ActionPicks.model_validate(
        {arm: {"from": column, "index": tuple(range(last))}, GRIPPER: {"from": column, "index": (last,)}}
    )


def _flat(format: str, key: str) -> str:
    return ("obs/" if format == "hdf5" else "observation/") + key.replace("/", "_")
