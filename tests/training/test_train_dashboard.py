"""What `train` shows."""

import io
import json

from rich.console import Console

from gato_ros.domains.rgb_stacking.supervision import StackingSupervision
from gato_ros.training.dashboard import Dashboard, read_curves, sparkline
from gato_ros.training.loop import CURVES, Progress


def test_a_sparkline_follows_its_values():
    assert sparkline([]) == "" and sparkline([3.0]) == "▁"
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"
    long = sparkline([float(i) for i in range(1000)], width=10)
    assert len(long) == 10 and list(long) == sorted(long)


def test_a_terminal_shows_the_latest_figures_and_their_course(tmp_path):
    (tmp_path / CURVES).write_text(json.dumps({"kind": "train", "step": 50, "loss": 6.0}) + "\n")
    screen = io.StringIO()
    dashboard = Dashboard(
        1000, 64, tmp_path, StackingSupervision.curves, Console(file=screen, force_terminal=True, width=120)
    )
    with dashboard.shown():
        dashboard.report(Progress("train", 100, {"loss": 4.0, "frames_per_s": 32.0}))
        dashboard.report(Progress("validation", 100, {"error_vx": 0.012, "error_vy": 0.006, "error_vz": 0.006}))
        dashboard.report(Progress("closed_loop", 100, {"rate": 0.25}))
    text = screen.getvalue().replace("\x1b", "")
    assert "100 of 1000" in text and "32 frames/s, 0 h 30 min left" in text
    lines = {line.strip().partition("  ")[0]: line for line in text.splitlines()}
    assert "█▁" in lines["training loss"]  # the sitting before counts
    assert " 8 " in lines["velocity"] and "mm/s" in lines["velocity"]
    assert " 25 " in lines["closed-loop success"]


def test_a_log_file_gets_one_line_per_report(tmp_path, capsys):
    dashboard = Dashboard(1000, 64, tmp_path, StackingSupervision.curves, Console(file=io.StringIO()))
    with dashboard.shown():
        dashboard.report(Progress("train", 100, {"loss": 4.0}))
        dashboard.note("measuring success on cubes")
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:] == ["train: train step 100 of 1000: loss 4", "train: measuring success on cubes"]


def test_a_step_that_was_done_twice_counts_once(tmp_path):
    rows = [{"kind": "train", "step": step, "loss": loss} for step, loss in ((50, 6.0), (100, 5.0), (100, 4.0))]
    (tmp_path / CURVES).write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert read_curves(tmp_path) == {"train": {50: {"loss": 6.0}, 100: {"loss": 4.0}}}
