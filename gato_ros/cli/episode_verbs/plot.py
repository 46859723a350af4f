"""One episode drawn over time: what was wanted, what was carried out, and what the robot did."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np

from gato_ros.data.episodes.command_source import command_sources
from gato_ros.data.episodes.episode import Episode
from gato_ros.data.episodes.statistics import action_labels, contract_of

SOURCE_COLOURS = {
    "human": "#228833",
    "policy": "#4477aa",
    "expert": "#ffffff",
    "idle": "#bbbbbb",
    "emergency_stop": "#cc3311",
}
WIDTH_INCH, DPI = 11, 80


@dataclass(frozen=True)
class Plot:
    """A drawing of which it is known where a time lies."""

    figure: Any
    """matplotlib's."""
    left: float
    """Share of the width at which `start_s` lies."""
    right: float
    """And `end_s`."""
    start_s: float
    end_s: float

    def svg(self) -> str:
        """For a page."""
        buffer = io.StringIO()
        self.figure.savefig(buffer, format="svg")
        text = buffer.getvalue()
        return text[text.index("<svg") :]

    def pixels(self) -> np.ndarray:
        """uint8 [height width 3], both even, as films want them."""
        self.figure.canvas.draw()
        picture = np.asarray(self.figure.canvas.buffer_rgba())[..., :3]
        height, width = picture.shape[0] // 2 * 2, picture.shape[1] // 2 * 2
        return picture[:height, :width].copy()

    def column(self, at_s: float, width: int) -> int:
        """The pixel column of a time."""
        share = (at_s - self.start_s) / max(self.end_s - self.start_s, 1e-9)
        return int(np.clip(round(width * (self.left + share * (self.right - self.left))), 0, width - 1))


def draw_episode(episode: Episode) -> Plot:
    """Actions with label and execution, then every other vector of the contract; colour behind says who commanded."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    at_s, robot = episode.stamps_s - episode.stamps_s[0], contract_of(str(episode.metadata.get("embodiment")))
    vectors = {key: value for key, value in episode.values.items() if value.ndim == 2 and _drawn(episode, key)}
    names, units = _actions(episode)
    panels = len(names) + len(vectors)
    figure = Figure(figsize=(WIDTH_INCH, 1.3 * len(names) + 1.9 * len(vectors)), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    heights = [1.3] * len(names) + [1.9] * len(vectors)
    axes = np.atleast_1d(figure.subplots(panels, 1, sharex=True, gridspec_kw={"height_ratios": heights}))
    for place, (panel, name) in enumerate(zip(axes, names)):
        panel.plot(at_s, episode.actions[:, place], label="wanted", color="#cc3311", drawstyle="steps-post")
        panel.plot(
            at_s, episode.executed[:, place], label="carried out", color="#4477aa", drawstyle="steps-post", linewidth=1
        )
        panel.set_ylabel(f"{name} [{units[place]}]", fontsize="small")
        if robot:  # a motion of nothing is to look like nothing
            low, high = (
                robot.action_lower[place],
                robot.action_upper[place],
            )
            margin = 0.08 * (high - low)
            shown = panel.get_ylim()
            panel.set_ylim(min(shown[0], low - margin), max(shown[1], high + margin))
    axes[0].legend(fontsize="x-small", loc="upper right", ncols=2)
    for panel, (key, values) in zip(axes[len(names) :], sorted(vectors.items())):
        called = _names(episode, key, values.shape[1])
        for column, name in zip(values.T, called):
            panel.plot(at_s, column, label=name, linewidth=1)
        panel.set_ylabel(key, fontsize="small")
        if len(called) > 1:
            panel.legend(fontsize="xx-small", loc="upper right", ncols=len(called))
    _shade(axes, at_s, command_sources(episode))
    # Where there was a picture: others were filled with the one before.
    foot = np.full(len(episode.image_steps), axes[0].get_ylim()[0])
    axes[0].plot(at_s[episode.image_steps], foot, "|", color="#222222", markersize=4)
    end_s = float(at_s[-1]) if len(at_s) > 1 else 1.0
    axes[-1].set_xlim(0, end_s)
    axes[-1].set_xlabel("s")
    figure.canvas.draw()
    place = axes[0].get_position()
    return Plot(figure, place.x0, place.x1, 0.0, end_s)


def _actions(episode: Episode) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names and units of the action's values; units of a contract that is not known are not."""
    robot, size = contract_of(str(episode.metadata.get("embodiment"))), episode.actions.shape[1]
    units = tuple(unit for part in robot.actions.values() for unit in part.units) if robot else ()
    if len(units) != size:
        units = ("m/s", "m/s", "m/s", "rad/s", "m") if size == 5 else ("?",) * size
    return action_labels(size, robot), units


def _shade(axes: np.ndarray, at_s: np.ndarray, sources: np.ndarray) -> None:
    starts = np.flatnonzero(np.append(True, sources[1:] != sources[:-1]))
    for start, end in zip(starts, [*starts[1:], len(sources) - 1]):
        colour = SOURCE_COLOURS.get(str(sources[start]), "#ccbb44")
        for panel in axes:
            panel.axvspan(at_s[start], at_s[end], color=colour, alpha=0.12, linewidth=0)


def _channel(episode: Episode, key: str) -> Any:
    robot = contract_of(str(episode.metadata.get("embodiment")))
    return robot.observations.get(key) if robot else None


def _drawn(episode: Episode, key: str) -> bool:
    return getattr(_channel(episode, key), "kind", "") != "text"


def _names(episode: Episode, key: str, size: int) -> list[str]:
    """What to call the values of a vector: joints by name."""
    robot, channel = contract_of(str(episode.metadata.get("embodiment"))), _channel(episode, key)
    if robot and getattr(channel, "source", "") in ("joint_position", "joint_velocity"):
        return list(robot.arm.joints)
    if getattr(channel, "source", "") in ("tool_pose", "wrist_pose"):
        return ["x", "y", "z", "qx", "qy", "qz", "qw"]
    return [str(number) for number in range(size)]
