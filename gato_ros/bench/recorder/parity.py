"""Live and recorded tokens over DDS: what policy_node computed while it drove, and what the recorded frames give."""

from __future__ import annotations

import json as json_module
import signal
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gato_ros.core.bounds import Count, Seed, check_bounds
from gato_ros.core.errors import SetupError
from gato_ros.evaluation.option_checks import OutFolder

if TYPE_CHECKING:
    from gato_ros.embodiments import Embodiment
    from gato_ros.models.layout import TokenLayout

EPISODE_STEPS = 400


@dataclass(frozen=True)
class Options:
    """How many steps, of which policy."""

    steps: Count = 1000
    """Of the policy, in as many episodes as it takes."""
    policy: str = ""
    """Directory of weights, or the name of shipped ones. Default: sawyer_mastery."""
    task: str = "red_on_blue"
    """What to do: one of sim.task.TASKS."""
    seed: Seed = 0
    """Of the first episode's start."""
    keep: OutFolder | None = None
    """Keep the recordings in this folder."""
    json: Path | None = Path("out/record/parity.json")
    """Write the result here."""


def run(options: Options) -> dict:
    """Record and compare; ok when every step that the policy took is there, with identical tokens."""
    from gato_ros.embodiments import load_embodiment
    from gato_ros.embodiments.privileged import contract_for
    from gato_ros.evaluation.policy_source import DEFAULT, driving_weights
    from gato_ros.models.layout import token_layout
    from gato_ros.models.weights import weights_config

    check_bounds(options)
    robot = load_embodiment()
    folder = driving_weights(options.policy or DEFAULT, robot)
    config = weights_config(folder)
    layout = token_layout(contract_for(robot, config.observation_keys).spec, config)
    with tempfile.TemporaryDirectory(prefix="gato_ros_parity_") as place:
        paths = _record(options, folder, robot, Path(options.keep or place))
        found = [compare(path, layout) for path in paths]
    result: dict[str, Any] = {name: sum(one[name] for one in found) for name in ("compared", "different", "not_there")}
    result |= {
        "first": next((one["first"] for one in found if one["first"]), None),
        "episodes": len(found),
        "policy": folder.name,
    }
    result["ok"] = result["compared"] >= options.steps and not (result["different"] or result["not_there"])
    print(
        f"{result['compared']} steps over DDS: {result['different']} with other tokens, {result['not_there']} of the "
        f"policy's steps not in the recording"
    )
    if result["first"]:
        print(f"first: {result['first']}")
    return result


def _record(options: Options, folder: Path, robot: Embodiment, place: Path) -> list[Path]:
    from gato_ros.bench.recorder.recorder_process import RecorderProcess
    from gato_ros.evaluation.progress import counted
    from gato_ros.nodes.runtime.episode_runner import EpisodeRunner
    from gato_ros.nodes.runtime.node_specs import NAMESPACE, loop_plan
    from gato_ros.nodes.runtime.process_group import Children
    from gato_ros.nodes.runtime.ros_domain import own_domain
    from gato_ros.sim.task import task_named

    task = task_named(options.task)
    plans = loop_plan(
        {
            "policy_node": {"policy": str(folder.resolve()), "task": task.text, "propose_at_start": False},
            "sim_node": {"task": options.task},
        },
        without=("incident_node",),
    )
    paths: list[Path] = []
    with (
        own_domain(),
        Children(plans) as children,
        EpisodeRunner(robot, NAMESPACE, children.check) as runner,
        RecorderProcess(place, NAMESPACE, {"task": task.text}) as recorder,
        counted("steps", options.steps) as advance,
    ):
        runner.wait_until_up()
        recorder.start()
        steps = 0
        while steps < options.steps:
            recorder.call("start")
            record = runner.run(
                options.seed + len(paths), min(EPISODE_STEPS, options.steps - steps + 20), lambda step: None
            )
            recorder.call("stop_success" if record.stacked else "stop_fail")
            paths.append(recorder.finished(len(paths) + 1))
            for _ in range(taken := len(record.observed_ns)):
                advance("")
            if not taken:
                raise SetupError(expected="a policy that acts", got="no step in an episode", fix="see `make sim`")
            steps += taken
        recorder.end(signal.SIGINT)
    return paths


def compare(path: Path, layout: TokenLayout) -> dict[str, Any]:
    """The tokens in the policy's journal against those of the episode's frames.

    Returns:
        compared, different, not_there (steps of the policy between the first and the last frame that have none), and
        the first difference in words.
    """
    from gato_ros.data import messages
    from gato_ros.data.episodes.episode import FIX, WHAT, read_episode
    from gato_ros.data.episodes.mcap_channels import load_tracks
    from gato_ros.models.tokenizer import tokenize

    tracks = load_tracks(path, WHAT, FIX)
    episode = read_episode(path)
    journal = [
        json_module.loads(messages.read_text(data))
        for track in tracks.tracks.values()
        if track.metadata.get("of") == "policy_journal"
        for data in track.data
    ]
    images = [item.key for item in layout.items if item.kind == "image"]
    stamps = [tick["stamps_s"] for tick in episode.ticks]
    rows = {tuple(one[key] for key in images): row for row, one in enumerate(stamps)}
    result = {"compared": 0, "different": 0, "not_there": 0, "first": None}
    for entry in journal:
        if not entry["ids"] or any(not stamps[0][key] <= entry["sources"][key] <= stamps[-1][key] for key in images):
            continue
        row = rows.get(tuple(entry["sources"][key] for key in images))
        if row is None:
            result["not_there"] += 1
            result["first"] = result["first"] or f"{path.name}: the policy's step {entry['n']} has no frame"
            continue
        tokens = tokenize(layout, {item.key: episode.values[item.key][row] for item in layout.items})
        same = tokens.ids.tolist() == entry["ids"] and zlib.crc32(tokens.patches.tobytes()) == entry["patches_crc32"]
        result["compared"] += 1
        result["different"] += not same
        if not same:
            result["first"] = result["first"] or f"{path.name}: frame {row}, the policy's step {entry['n']}"
    return result
