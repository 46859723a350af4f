"""Whether every value of an episode is finite, within the contract's range and of its size; message by message."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gato_ros.data import messages
from gato_ros.data.checks.problem import Problem, Repeated
from gato_ros.data.episodes import channel_roles as roles
from gato_ros.data.episodes.action_messages import part_of, read_part
from gato_ros.data.episodes.message_stream import Message
from gato_ros.data.exports.value_names import action_names, value_names
from gato_ros.embodiments import Embodiment
from gato_ros.embodiments.actions.parts import places_of

LABEL_SLACK = 1.0 / 1024
"""Of the range. A label so far outside is in the model's outermost bin as it is."""
VALUE_SLACK = 0.01
"""Of the range: what is observed or carried out so far outside is at the bound."""
BINARY_SLACK = 0.1
"""Of the range of a value that is snapped to the nearer bound anyway."""
EXECUTED_SLACK = 0.1
"""What the arm did is computed from its joints, and no speed limit holds for each axis."""
_RANGES = {roles.LABEL: "label_range", roles.EXECUTED: "executed_range"}


@dataclass(frozen=True)
class Allowed:
    """Names and ranges of the K numbers of a message."""

    channels: tuple[str, ...]
    """[K] what each belongs to."""
    names: tuple[str, ...]
    lower: np.ndarray
    upper: np.ndarray
    whole: np.ndarray
    """[K] bool: it must be a whole number."""
    slack: np.ndarray
    """[K] how far outside does not count."""
    _low: np.ndarray = field(init=False, repr=False)
    _high: np.ndarray = field(init=False, repr=False)
    _any_whole: bool = field(init=False, repr=False)

    @staticmethod
    def unbounded(channels: Sequence[str], names: Sequence[str]) -> Allowed:
        """Any finite number will do."""
        most, none = np.full(len(names), np.finfo(np.float64).max), np.zeros(len(names))
        return Allowed(tuple(channels), tuple(names), -most, most, none.astype(bool), none)

    def __post_init__(self) -> None:
        # Looked at for every message: what does not depend on it is made once.
        object.__setattr__(self, "_low", self.lower - self.slack)
        object.__setattr__(self, "_high", self.upper + self.slack)
        object.__setattr__(self, "_any_whole", bool(self.whole.any()))

    def wrong(self, values: np.ndarray) -> np.ndarray:
        """[K] bool: not finite, or out of range."""
        wrong = ~((values >= self._low) & (values <= self._high))
        return wrong | (self.whole & (values != np.rint(values))) if self._any_whole else wrong

    def bounds(self, place: int) -> str:
        return f"of {self.lower[place]:.6g} to {self.upper[place]:.6g}"


class ValueCheck:
    """Takes the messages of an episode one by one."""

    def __init__(self, robot: Embodiment | None):
        """Without a contract nothing is out of range."""
        self._robot = robot
        self._found: dict[tuple[str, str, str], Repeated] = {}
        self._layouts: dict[str, tuple] = {}
        self._allowed: dict[str, Allowed] = {}
        self._problems: list[Problem] = []
        self._image_keys: set[str] = set()
        self.keys: set[str] = set()
        """Contract keys that the episode holds."""
        self.camera_spread_s: dict[int, float] = {}
        """Step -> between the oldest and the newest picture of it [s], where a recorder noted it."""
        self._take: dict[tuple[str, str], Callable[[Message], None]] = {
            (roles.OBSERVATION, messages.FLOAT32_ARRAY): self._on_observation,
            (roles.PRIVILEGED, messages.FLOAT64_ARRAY): self._on_privileged,
            (roles.STATE, messages.JOINT_STATE): self._on_state,
            (roles.IMAGE, messages.IMAGE): self._on_image,
            (roles.TICK, messages.STRING): self._on_tick,
            **{
                (role, kind): self._on_action
                for role in (roles.LABEL, roles.EXECUTED)
                for kind in (messages.TWIST, messages.JOINT_STATE)
            },
        }

    def take(self, message: Message) -> None:
        """One message; of a channel that is none of the loop's, nothing is looked at."""
        read = self._take.get((message.channel.role, message.channel.message_type))
        if read is None:
            return
        try:
            read(message)
        # What others wrote fails in whichever reader meets it first (struct, assert, index, json).
        except Exception as error:
            reason = str(error) or type(error).__name__
            self._add("unreadable", message.channel.topic, "not readable", message.step, reason)

    def problems(self) -> list[Problem]:
        """What was found so far."""
        return [*self._problems, *(one.problem() for one in self._found.values())]

    def _add(self, kind: str, channel: str, what: str, step: int, detail: str) -> None:
        self._found.setdefault((kind, channel, what), Repeated(kind, channel, what)).add(step, detail)

    def _judge(self, values: np.ndarray, allowed: Allowed, step: int, kind: str = "value_range") -> None:
        wrong = allowed.wrong(values)
        if not wrong.any():
            return
        finite = np.isfinite(values)
        outside = wrong & finite
        for found, what, about in (
            (~finite, "not_finite", "not finite"),
            (outside, kind, "out of the contract's range"),
        ):
            places = np.flatnonzero(found).tolist()
            for channel in dict.fromkeys(allowed.channels[place] for place in places):
                mine = [place for place in places if allowed.channels[place] == channel]
                first = mine[0]
                detail = f"{allowed.names[first]} {values[first]:.6g}"
                if found is outside:
                    detail += f" {allowed.bounds(first)}"
                if len(mine) > 1:
                    detail += f" and {len(mine) - 1} more"
                self._add(what, channel, about, step, detail)

    def _on_observation(self, message: Message) -> None:
        content = messages.read(messages.FLOAT32_ARRAY, message.data)
        layout = tuple((dimension.label, dimension.size) for dimension in content.layout.dim)
        if self._has_layout(message, layout, content.data, self._allowed_observation):
            self._judge(content.data, self._allowed[message.channel.topic], message.step)

    def _on_privileged(self, message: Message) -> None:
        content = messages.read(messages.FLOAT64_ARRAY, message.data)
        layout = tuple((dimension.label, dimension.size) for dimension in content.layout.dim)
        if self._has_layout(message, layout, content.data, _numbered):
            self._judge(content.data, self._allowed[message.channel.topic], message.step)

    def _has_layout(self, message: Message, layout: tuple, values: np.ndarray, allow: Callable) -> bool:
        """Whether it is as in the first message, and what it says of itself."""
        topic = message.channel.topic
        if topic not in self._layouts:
            self._layouts[topic], self._allowed[topic] = layout, allow(layout)
        if sum(size for _, size in layout) != len(values):
            detail = f"{len(values)} values for a layout of {sum(size for _, size in layout)}"
            self._add("contract", topic, "layout does not fit", message.step, detail)
        elif layout != self._layouts[topic]:
            self._add("contract", topic, "another layout than at first", message.step, "")
        else:
            return True
        return False

    def _allowed_observation(self, layout: tuple) -> Allowed:
        parts = [self._allowed_key(key, size) for key, size in layout]
        self.keys |= {key for key, _ in layout}
        return Allowed(
            tuple(name for part in parts for name in part.channels),
            tuple(name for part in parts for name in part.names),
            *(
                np.concatenate([getattr(part, name) for part in parts] or [np.zeros(0)])
                for name in ("lower", "upper", "whole", "slack")
            ),
        )

    def _allowed_key(self, key: str, size: int) -> Allowed:
        if self._robot is None:
            return _numbered(((key, size),))
        channel = self._robot.observations.get(key)
        if channel is None or channel.kind == "image" or channel.shape != (size,):
            says = f"{self._robot.name} has {'none' if channel is None else f'{channel.kind} {list(channel.shape)}'}"
            self._problems.append(Problem("contract", f"{key}: {size} values, {says}", key))
            return _numbered(((key, size),))
        names = tuple(value_names(self._robot, key, size))
        if channel.kind == "continuous":
            lower, upper = np.array(channel.lower), np.array(channel.upper)
            slack = VALUE_SLACK * (upper - lower)
            return Allowed((key,) * size, names, lower, upper, np.zeros(size, bool), slack)
        most = 255 if channel.kind == "text" else channel.values - 1
        ends = np.zeros(size), np.full(size, float(most))
        return Allowed((key,) * size, names, *ends, np.ones(size, bool), np.zeros(size))

    def _on_state(self, message: Message) -> None:
        state = messages.read(messages.JOINT_STATE, message.data)
        if np.isfinite(state.position).all() and np.isfinite(state.velocity).all():
            return
        topic = message.channel.topic
        names = [f"{part} of {name}" for part in ("position", "velocity") for name in _padded(state, part)]
        values = np.concatenate([state.position, state.velocity])
        self._judge(values, Allowed.unbounded([topic] * len(names), names), message.step)

    def _on_image(self, message: Message) -> None:
        key = message.channel.metadata.get("key", message.channel.topic)
        self._image_keys.add(key)
        self.keys.add(key)
        picture = messages.read(messages.IMAGE, message.data)
        if picture.encoding != "rgb8" or picture.step != picture.width * 3:
            detail = f"{picture.encoding} with step {picture.step}"
            return self._add("unreadable", key, "not packed rgb8", message.step, detail)
        if len(picture.data) != picture.height * picture.step:
            detail = f"{len(picture.data)} bytes for {picture.width}x{picture.height}"
            return self._add("unreadable", key, "not a whole picture", message.step, detail)
        if self._robot is None:
            return None
        channel = self._robot.cameras.get(key)
        if channel is None:
            return self._add("contract", key, f"pictures that {self._robot.name} does not have", message.step, "")
        if (picture.height, picture.width) != (channel.height, channel.width):
            what = f"not the contract's {channel.width}x{channel.height} pictures"
            self._add("image_size", key, what, message.step, f"{picture.width}x{picture.height}")
        return None

    def _on_tick(self, message: Message) -> None:
        tick = json.loads(messages.read_text(message.data))
        stamps = [stamp for key, stamp in (tick.get("stamps_s") or {}).items() if key in self._image_keys]
        if len(stamps) > 1:
            self.camera_spread_s[message.step] = max(stamps) - min(stamps)

    def _on_action(self, message: Message) -> None:
        channel = message.channel
        part = part_of(channel.role, channel.message_type, channel.metadata)
        values = read_part(channel.message_type, channel.metadata, message.data)
        allowed = self._allowed_action(channel.role, part, len(values))
        if len(allowed.names) != len(values):
            detail = f"{len(values)} values, by contract {len(allowed.names)}"
            return self._add("contract", channel.topic, "not this robot's action", message.step, detail)
        return self._judge(values, allowed, message.step, _RANGES[channel.role])

    def _allowed_action(self, role: str, part: str, size: int) -> Allowed:
        place = f"{role} {part}"
        if place not in self._allowed:
            channel, robot = "action" if role == roles.LABEL else role, self._robot
            if robot is None:
                self._allowed[place] = Allowed.unbounded([channel] * size, [f"{part}[{i}]" for i in range(size)])
            else:
                # A part that this robot's action lacks has no values in it.
                places = places_of(robot.actions).get(part, slice(0, 0))
                names = action_names(robot)[places]
                lower, upper = robot.action_lower[places], robot.action_upper[places]
                binary = any(one.binary for one in robot.actions.values() if one.moves == part)
                share = BINARY_SLACK if binary else LABEL_SLACK if role == roles.LABEL else EXECUTED_SLACK
                none = np.zeros(len(names), bool)
                channels = (channel,) * len(names)
                self._allowed[place] = Allowed(channels, names, lower, upper, none, share * (upper - lower))
        return self._allowed[place]


def _numbered(layout: tuple) -> Allowed:
    names = [(key, key if size == 1 else f"{key}[{i}]") for key, size in layout for i in range(size)]
    return Allowed.unbounded([key for key, _ in names], [name for _, name in names])


def _padded(state: Any, part: str) -> list[str]:
    """A name for each value of a joint state, also where it has fewer names than values."""
    count = len(getattr(state, part))
    return [*state.name, *(f"value {place}" for place in range(len(state.name), count))][:count]
