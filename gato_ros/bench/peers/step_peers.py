"""A control step beside a peer of equal shape: a GPT-2 of huggingface/transformers under PyTorch, step by step in turn.

Equal are the layers, the width, the heads, the context, the tokens of a step, and the parameters of the layers (GPT-2
has no gate and no relative positions, so its feed-forward is as wide as makes them equal). The peer gets vectors: its
images cost it nothing, ours are part of our step. Both float32, both with the threads they choose.
"""

from __future__ import annotations

import json as json_module
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from gato_ros.core.bounds import LARGEST_COUNT, Within, check_bounds
from gato_ros.core.errors import SetupError, unknown_name
from gato_ros.evaluation.option_checks import Run

PROGRAM = Path(__file__).with_name("step_peers_program.py")


@dataclass(frozen=True)
class Options:
    """Which size, and the peer's Python."""

    peer_python: Annotated[Path, Run("run `make bench-peers`, or check the path")]
    """Python of an environment with torch and transformers; `make bench-peers` makes one."""
    preset: str = "gato_79m"
    """An autoregressive preset."""
    precision: str = "float32"
    """Of our side (models/serving/precision.py); float32 is what the peer runs in."""
    steps: Annotated[int, Within(3, LARGEST_COUNT)] = 20
    """Control steps of each side, in turn."""
    json: Path | None = None
    """Write the result here as JSON."""


def run(options: Options) -> dict:
    """Measure; returns milliseconds per control step of all four sides, and ratios of medians."""
    from rich.progress import track

    from gato_ros.bench.step_sides import seconds_of, sides_of
    from gato_ros.domains.robot_presets import ROBOT_PRESETS
    from gato_ros.embodiments import load_embodiment
    from gato_ros.models.analysis.flops import core_parameters
    from gato_ros.models.layout import token_layout
    from gato_ros.models.serving.precision import PRECISIONS

    streaming = {name: config for name, config in ROBOT_PRESETS.items() if config.action_decoding == "autoregressive"}
    if options.preset not in streaming:
        raise unknown_name("an autoregressive preset", options.preset, streaming)
    if not options.peer_python.exists():
        raise SetupError(
            expected="the Python of the peer's environment",
            got=f"no {options.peer_python}",
            fix="run `make bench-peers`",
        )
    if options.precision not in PRECISIONS:
        raise unknown_name("a precision", options.precision, PRECISIONS)
    check_bounds(options)
    config, embodiment = streaming[options.preset], load_embodiment()
    layout = token_layout(embodiment.spec, config)
    peer = _Peer(options.peer_python, peer_shape(config, layout))
    ours = sides_of(config, embodiment, layout, [options.precision], ("streaming", "full_recompute"))
    times: dict[str, list[float]] = {}
    for step in track(range(options.steps), description="bench peers"):
        for name, side in ours.items():
            milliseconds = 1e3 * seconds_of(lambda side=side, step=step: side.run(step))
            times.setdefault(f"ours/{name}", []).append(milliseconds)
        for name, milliseconds in peer.step().items():
            times.setdefault(f"peer/{name}", []).append(milliseconds)
    peer.close()
    rows = {
        name: {"p50": float(np.percentile(values, 50)), "p99": float(np.percentile(values, 99))}
        for name, values in times.items()
    }
    streamed = rows[f"ours/streaming/{options.precision}"]["p50"]
    ratios = {name: row["p50"] / streamed for name, row in rows.items() if row["p50"] != streamed}
    for name, row in rows.items():
        print(f"{name:34} {row['p50']:9.2f} / {row['p99']:.2f} ms")
    return {
        "preset": options.preset,
        "core_parameters": core_parameters(config),
        "peer": peer.about,
        "sides": rows,
        "times_as_long_as_our_streaming": ratios,
        "steps": options.steps,
    }


def peer_shape(config: Any, layout: Any) -> dict[str, int]:
    """A GPT-2 with as many parameters in its layers' matrices as the config has in its own."""
    from gato_ros.models.analysis.flops import core_parameters

    attention = 4 * config.width**2
    inner = round((core_parameters(config) / config.layers - attention) / (2 * config.width))
    return {
        "layers": config.layers,
        "width": config.width,
        "heads": config.heads,
        "inner": inner,
        "context": config.context_tokens,
        "chunk": layout.observation_tokens + 2,
        "actions": layout.actions,
    }


class _Peer:
    """The other program, one request at a time."""

    def __init__(self, python: Path, shape: dict[str, int]):
        # Not resolved: the environment's python is a link, and behind it lies one without its packages.
        command = [str(python.absolute()), str(PROGRAM), json_module.dumps(shape)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.about = self._answer()

    def step(self) -> dict[str, float]:
        """Milliseconds of each of its sides."""
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()

    def _answer(self) -> dict[str, Any]:
        line = self._process.stdout.readline()
        if not line:
            raise SetupError(
                expected="a peer that answers",
                got=f"exit code {self._process.wait()}",
                fix="see its error above; `make bench-peers` sets it up anew without .venv-peer",
            )
        return json_module.loads(line)
