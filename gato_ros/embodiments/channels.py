"""What one observation or one part of the action is, as a contract's YAML says it."""

from __future__ import annotations

from typing import Annotated, Literal, Union

from pydantic import Field, FiniteFloat, model_validator

from gato_ros.core.errors import SetupError
from gato_ros.core.sensing.rotation_kinds import SIZES, RotationKind
from gato_ros.core.timing.alignment import Rule
from gato_ros.embodiments.base_model import Misfit, Strict, ordered
from gato_ros.embodiments.decoders.operations import Operation, amounts
from gato_ros.embodiments.decoders.registry import decoder_of
from gato_ros.embodiments.decoders.transform import LOOKUP
from gato_ros.embodiments.pictures.camera import Camera
from gato_ros.embodiments.versions.implied import POSES

SOURCES = Literal[
    "joint_position", "joint_velocity", "gripper_opening", "gripper_grasp", "tool_pose", "wrist_pose", "ground_truth"
]
Quality = Literal["sensor", "reliable", "transient_local"]
"""Of service: best effort; reliable; reliable, and what was said before is kept for those who come later."""
Timeline = Literal["header", "receipt"]
"""Whose clock says when a message was: its own stamp, or when it came."""
ORIGINS = ("source", "topic", "transform")
OF_A_TOPIC = ("type", "quality", "timeline", "align", "max_age_s")
OF_A_TRANSFORM = ("fields", "rotation", "align", "max_age_s")
ONLY_OFF_THE_WIRE = ("type", "quality", "timeline", "align", "max_age_s", "fields", "apply", "frame_id")
MAY_BE_NULL = ("max_age_s", "frame_id")
"""Keys that are stated by `null`, too: never too old; of any frame."""


class ImageChannel(Strict):
    """A camera: uint8 [height width 3], RGB."""

    kind: Literal["image"]
    topic: str
    frame_id: str | None
    """Of every message's header; null: any, and then two cameras that are swapped are not noticed."""
    height: int = Field(gt=0, multiple_of=16)
    width: int = Field(gt=0, multiple_of=16)
    max_age_s: FiniteFloat = Field(gt=0)
    type: Literal["sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"]
    quality: Quality
    timeline: Timeline
    align: Rule
    camera: Camera

    @model_validator(mode="after")
    def _check(self) -> "ImageChannel":
        self.camera.check_size(self.height, self.width)
        return self

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.height, self.width, 3)


class Transform(Strict):
    """A lookup on /tf and /tf_static: where `frame` is in `in`."""

    frame: str = Field(min_length=1)
    in_: str = Field(alias="in", min_length=1)


class WireChannel(Strict):
    """Where a channel that is no picture comes from: the robot's own state (`source`), a topic, or a transform."""

    topic: str | None = None
    type: str | None = None
    fields: list[str] | None = Field(default=None, min_length=1)
    """Fields of the message by path and name, one after another; of a transform, `position` and `rotation`."""
    transform: Transform | None = None
    frame_id: str | None = None
    quality: Quality | None = None
    timeline: Timeline | None = None
    align: Rule | None = None
    max_age_s: FiniteFloat | None = Field(default=None, gt=0)
    rotation: RotationKind | None = None
    apply: list[Operation] | None = None

    def states(self, name: str) -> bool:
        """Whether the file says something of this key."""
        return getattr(self, name) is not None or (name in MAY_BE_NULL and name in self.model_fields_set)

    def check_origin(self, gives: str, size: int) -> None:
        """Misfit where origin, fields and size do not fit each other.

        Args:
            gives: what its messages have to give, as a decoder says it.
            size: how many values the channel has.
        """
        origins = [name for name in ORIGINS if getattr(self, name, None) is not None]
        if len(origins) != 1:
            raise Misfit(
                f"one of {', '.join(ORIGINS)} says where it comes from, got {' and '.join(origins) or 'none'}",
                *((name,) for name in origins),
            )
        if origins == ["source"]:
            return self._check_source(getattr(self, "source"))  # noqa: B009 - which source there may be, each kind says
        decoder = LOOKUP
        if origins == ["topic"]:
            self._need("topic", OF_A_TOPIC + (("fields",) if gives == "numbers" else ()))
            try:
                decoder = decoder_of(str(self.type))
            except SetupError as error:
                raise Misfit(f"expected {error.expected}, got {error.got}; {error.fix}", ("type",)) from None
            if decoder.gives != gives:
                raise Misfit(
                    f"{self.type} gives {decoder.gives}, and this kind of observation takes {gives}", ("type",)
                )
        else:
            self._need(
                "transform", OF_A_TRANSFORM if "rotation" in (self.fields or ()) else ("fields", *OF_A_TRANSFORM[2:])
            )
        self._check_time(decoder.stamped)
        if decoder.framed != self.states("frame_id"):
            said = "needs a frame_id (null: any frame)" if decoder.framed else "has no frame that could be checked"
            raise Misfit(f"{self.type or 'a transform'} {said}", ("frame_id",))
        if gives == "numbers":
            self._check_fields(decoder, size)

    def _check_source(self, source: str) -> None:
        if extra := [name for name in ONLY_OFF_THE_WIRE if getattr(self, name) is not None]:
            raise Misfit(f"source {source} is the robot's own state: {extra[0]} belongs to a topic", (extra[0],))
        if (source in POSES) != (self.rotation is not None):
            raise Misfit(f"rotation is stated with {' and '.join(POSES)} and with no other source", ("rotation",))

    def _need(self, origin: str, names: tuple[str, ...]) -> None:
        if missing := [name for name in names if not self.states(name)]:
            raise Misfit(f"a {origin} needs {', '.join(names)}: {missing[0]} is missing", (origin,))

    def _check_time(self, stamped: bool) -> None:
        if self.timeline == "header" and not stamped:
            raise Misfit(f"{self.type} has no header: its timeline is receipt", ("timeline",))
        if self.max_age_s is None and self.align != "hold":
            raise Misfit("max_age_s: null, never too old, goes with align: hold alone", ("max_age_s",))
        if self.transform and (extra := [name for name in ("type", "quality", "timeline") if getattr(self, name)]):
            raise Misfit(f"a transform has its own {extra[0]}", (extra[0],))

    def _check_fields(self, decoder, size: int) -> None:
        try:
            fields = [decoder.field(path) for path in self.fields or ()]
        except SetupError as error:
            raise Misfit(f"expected {error.expected}, got {error.got}; {error.fix}", ("fields",)) from None
        if any(one.part == "rotation" for one in fields) != (self.rotation is not None):
            kinds = ", ".join(SIZES)
            raise Misfit(f"rotation ({kinds}) is stated where a field is a rotation, and only there", ("rotation",))
        sizes = [one.size(self.rotation) for one in fields]
        if None in sizes and len(sizes) > 1:
            raise Misfit("a whole list stands alone: take values of it by their places, data.0", ("fields",))
        if None not in sizes and sum(filter(None, sizes)) != size:
            raise Misfit(f"these fields are {sum(filter(None, sizes))} values, and the channel has {size}", ("fields",))
        for i, operation in enumerate(self.apply or ()):
            if amounts(operation) not in (None, size):
                raise Misfit(f"{amounts(operation)} numbers for {size} values", ("apply", i, "by"))


class ContinuousChannel(WireChannel):
    """A vector of float32 in SI units with its working range."""

    kind: Literal["continuous"]
    source: SOURCES | None = None
    units: list[str] = Field(min_length=1)
    lower: list[FiniteFloat]
    upper: list[FiniteFloat]

    @model_validator(mode="after")
    def _check(self) -> "ContinuousChannel":
        ordered(self.lower, self.upper, self.source or self.topic or "range")
        if len(self.units) != len(self.lower):
            raise Misfit(f"{len(self.lower)} values need as many units, got {len(self.units)}", ("units",))
        self.check_origin("numbers", len(self.lower))
        return self

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.lower),)


class DiscreteChannel(WireChannel):
    """One integer in [0, values)."""

    kind: Literal["discrete"]
    source: SOURCES | None = None
    values: int = Field(ge=2, le=1024)

    @model_validator(mode="after")
    def _check(self) -> "DiscreteChannel":
        self.check_origin("numbers", 1)
        return self

    @property
    def shape(self) -> tuple[int, ...]:
        return (1,)


class TextChannel(WireChannel):
    """A text, such as the task in words: its UTF-8 bytes as float32, then zeros (`core.text`)."""

    kind: Literal["text"]
    source: Literal["task"] | None = None
    size_bytes: int = Field(gt=0, le=4096)
    tokens: int = Field(gt=0, le=512)
    """It always takes so many: a control step has one length."""

    @model_validator(mode="after")
    def _check(self) -> "TextChannel":
        self.check_origin("text", self.size_bytes)
        if extra := [name for name in ("fields", "apply", "rotation", "transform") if getattr(self, name)]:
            raise Misfit(f"a text has no {extra[0]}", (extra[0],))
        return self

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.size_bytes,)


def source_of(channel: "Channel") -> str:
    """What of the robot's own state it is made of; nothing of what has a topic of its own."""
    return "" if isinstance(channel, ImageChannel) else channel.source or ""


Channel = Annotated[Union[ImageChannel, ContinuousChannel, DiscreteChannel, TextChannel], Field(discriminator="kind")]
