"""What one observation or one part of the action is, as a contract's YAML says it."""

from __future__ import annotations

from typing import Annotated, Literal, Union

from pydantic import Field, FiniteFloat, model_validator

from gato_ros.embodiments.base_model import Misfit, Strict, ordered
from gato_ros.embodiments.versions.implied import POSES

SOURCES = Literal[
    "joint_position", "joint_velocity", "gripper_opening", "gripper_grasp", "tool_pose", "wrist_pose", "ground_truth"
]


class Camera(Strict):
    """The pictures that a driver publishes."""

    height: int = Field(gt=0)
    """[px]"""
    width: int = Field(gt=0)
    """[px]"""


class ImageChannel(Strict):
    """A camera: uint8 [height width 3], RGB."""

    kind: Literal["image"]
    topic: str
    frame_id: str
    height: int = Field(gt=0, multiple_of=16)
    width: int = Field(gt=0, multiple_of=16)
    max_age_s: FiniteFloat = Field(gt=0)
    type: Literal["sensor_msgs/msg/Image"]
    quality: Literal["sensor"]
    timeline: Literal["header"]
    align: Literal["hold"]
    camera: Camera

    @model_validator(mode="after")
    def _check(self) -> "ImageChannel":
        if (self.camera.height, self.camera.width) != (self.height, self.width):
            raise Misfit("another size than the camera's", ("camera",))
        return self

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.height, self.width, 3)


class ContinuousChannel(Strict):
    """A vector of float32 in SI units with its working range."""

    kind: Literal["continuous"]
    source: SOURCES
    units: list[str] = Field(min_length=1)
    lower: list[FiniteFloat]
    upper: list[FiniteFloat]
    rotation: Literal["quaternion"] | None = None

    @model_validator(mode="after")
    def _check(self) -> "ContinuousChannel":
        ordered(self.lower, self.upper, self.source)
        if (self.source in POSES) != (self.rotation is not None):
            raise Misfit(f"{self.source}: rotation is stated for {' and '.join(POSES)}, and for nothing else")
        if len(self.units) != len(self.lower):
            raise Misfit(f"{len(self.lower)} values need as many units, got {len(self.units)}", ("units",))
        return self

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.lower),)


class DiscreteChannel(Strict):
    """One integer in [0, values)."""

    kind: Literal["discrete"]
    source: SOURCES
    values: int = Field(ge=2, le=1024)

    @property
    def shape(self) -> tuple[int, ...]:
        return (1,)


class TextChannel(Strict):
    """A text, such as the task in words: its UTF-8 bytes as float32, then zeros (`core.text`)."""

    kind: Literal["text"]
    source: Literal["task"]
    size_bytes: int = Field(gt=0, le=4096)
    tokens: int = Field(gt=0, le=512)
    """It always takes so many: a control step has one length."""

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.size_bytes,)


def source_of(channel: "Channel") -> str:
    """What of the robot it is made of; nothing of a picture, which has a topic of its own."""
    return "" if isinstance(channel, ImageChannel) else channel.source


Channel = Annotated[Union[ImageChannel, ContinuousChannel, DiscreteChannel, TextChannel], Field(discriminator="kind")]


class ActionPart(Strict):
    """A group of action values with their range; `binary` snaps each to the nearer bound."""

    units: list[str] = Field(min_length=1)
    lower: list[FiniteFloat]
    upper: list[FiniteFloat]
    binary: bool = False

    @model_validator(mode="after")
    def _check(self) -> "ActionPart":
        ordered(self.lower, self.upper, "action")
        if len(self.units) != len(self.lower):
            raise Misfit(f"{len(self.lower)} values need as many units, got {len(self.units)}", ("units",))
        return self
