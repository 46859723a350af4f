"""report.json and the self-contained report.html of the `sim` verb."""

from __future__ import annotations

import base64
import io
import tempfile
from collections import Counter
from importlib import metadata
from pathlib import Path

import numpy as np

from gato_ros.core.files import write_json
from gato_ros.data.exports.video import side_by_side, write_film
from gato_ros.embodiments import Embodiment
from gato_ros.evaluation.loop.loop_record import EpisodeRecord, jerk_figures, percentiles

TEMPLATE = Path(__file__).with_name("loop_report.html.jinja")
PACKAGES = ("numpy", "jax", "pybullet", "ros-rclpy", "ros-rmw-fastrtps-cpp")
LARGEST_VIDEO_COUNT = 20
"""Only the first episodes are shown as video: 100 of them would make a page no browser likes."""


class Report:
    """Collects episodes; videos are encoded as they come, so that pictures of one episode are held at a time."""

    def __init__(self, robot: Embodiment, policy: str, objects: str, seed: int, task: str, done: str = "stacked"):
        """`done`: what a success of the task is called; the count of successes is `stacked` in report.json always."""
        self._robot, self._period_s = robot, 1.0 / robot.control_rate_hz
        self._head = {"policy": policy, "objects": objects, "task": task, "done": done, "seed": seed}
        self._rows: list[dict] = []
        self._latencies: list[np.ndarray] = []
        self._jerk: list[np.ndarray] = []
        self._videos: list[str | None] = []
        self._failure = ""
        self.strip_frames: list[dict[str, np.ndarray]] = []
        """Pictures of the first episode that stacked; of the first one as long as none has."""
        self._strip_is_stacked = False

    def add(self, record: EpisodeRecord) -> None:
        """Keep an episode's figures and, of the first ones, its video."""
        self._rows.append(record.row(self._period_s))
        self._latencies.append(record.latencies_ms())
        self._jerk.append(record.joint_jerk())
        wanted = len(self._videos) < LARGEST_VIDEO_COUNT and record.frames
        if record.frames and (not self.strip_frames or (record.stacked and not self._strip_is_stacked)):
            self.strip_frames, self._strip_is_stacked = record.frames, record.stacked
        self._videos.append(video_data(record.frames, self._robot.control_rate_hz) if wanted else None)

    def fail(self, reason: str) -> None:
        """Note why the run ended before its last episode."""
        self._failure = reason

    def result(self) -> dict:
        """What report.json holds."""
        rows = self._rows
        latencies = np.concatenate([*self._latencies, np.zeros(0)])
        rates = [row["control_rate_hz"] for row in rows if row["control_rate_hz"]]
        return {
            "ok": not self._failure,
            "failure": self._failure,
            **self._head,
            "episodes": len(rows),
            "stacked": sum(row["stacked"] for row in rows),
            "control_rate_hz": round(float(np.mean(rates)), 3) if rates else None,
            "ticks": sum(row["steps"] for row in rows),
            "missed_ticks": sum(row["missed_ticks"] for row in rows),
            "camera_to_command_ms": percentiles(latencies),
            "joint_jerk_rad_s3": jerk_figures(np.concatenate([*self._jerk, np.zeros(0)])),
            "guard_verdicts": dict(sum((Counter(row["verdicts"]) for row in rows), Counter())),
            "guard_reasons": dict(sum((Counter(row["reasons"]) for row in rows), Counter())),
            "episode_rows": rows,
            "embodiment": {"name": self._robot.name, "digest": self._robot.digest},
            "versions": {name: _version(name) for name in PACKAGES},
        }

    def write(self, folder: Path, incidents: list[str] | None = None, lost_nodes: list[str] | None = None) -> dict:
        """Write report.json and report.html into `folder`; returns the result.

        Args:
            incidents: files, relative to the folder.
            lost_nodes: nodes that ended by themselves and were not needed.
        """
        import jinja2

        result = {**self.result(), "incidents": incidents or [], "lost_nodes": lost_nodes or []}
        environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
        page = environment.from_string(TEMPLATE.read_text()).render(
            result=result,
            rows=list(zip(result["episode_rows"], self._videos)),
            cameras=self._robot.image_keys,
            histogram=histogram_svg(np.concatenate([*self._latencies, np.zeros(0)])),
        )
        write_json(folder / "report.json", result)
        partial = folder / "report.html.partial"
        partial.write_text(page)
        partial.replace(folder / "report.html")
        return result


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def video_data(frames: list[dict[str, np.ndarray]], rate_hz: float) -> str:
    """H.264 of the cameras side by side, as a data URL; frames uint8 [height width 3] per camera."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "episode.mp4"
        write_film(path, (side_by_side(list(frame.values())) for frame in frames), rate_hz)
        return "data:video/mp4;base64," + base64.b64encode(path.read_bytes()).decode()


def histogram_svg(latencies_ms: np.ndarray) -> str:
    """Histogram of camera-to-command times as inline SVG; empty without values."""
    if len(latencies_ms) == 0:
        return ""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 2.6), layout="constrained")
    axes = figure.add_subplot()
    axes.hist(latencies_ms, bins=60, color="#4477aa")
    for share, style in ((50, "-"), (99, "--")):
        axes.axvline(np.percentile(latencies_ms, share), color="#cc3311", linestyle=style, label=f"p{share}")
    axes.set_xlabel("camera stamp to arm command [ms]")
    axes.set_ylabel("proposals")
    axes.legend()
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg")
    text = buffer.getvalue()
    return text[text.index("<svg") :]
