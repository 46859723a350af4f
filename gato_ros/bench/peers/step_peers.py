"""A control step beside a peer of equal shape, step by step in turn: a GPT-2 of huggingface/transformers under PyTorch,
or one in onnxruntime.

Equal are the layers, the width, the heads, the context, the tokens of a step, and the parameters of the layers (GPT-2
has no gate and no relative positions, so its feed-forward is as wide as makes them equal). The peer gets vectors: its
images cost it nothing, ours are part of our step. Both float32, both with the threads they choose.
"""

from __future__ import annotations

import json as json_module
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np

from gato_ros.core.bounds import LARGEST_COUNT, Within, check_bounds
from gato_ros.core.errors import SetupError, unknown_name
from gato_ros.evaluation.option_checks import Run

if TYPE_CHECKING:
    from gato_ros.models.config import GatoConfig

PROGRAMS = {"transformers": "step_peers_program.py", "onnxruntime": "step_peers_onnxruntime.py"}
MAKES = {"transformers": "make bench-peers", "onnxruntime": "make bench-peers-onnxruntime"}
OURS = {"cached": "streaming", "recompute": "full_recompute"}
PAUSE_S = 0.01
"""Between two sides: the threads of a runtime look for work for a moment after the last of it."""


@dataclass(frozen=True)
class Options:
    """Which size, which peer, and the peer's Python."""

    peer_python: Annotated[Path, Run("run `make bench-peers` or `make bench-peers-onnxruntime`, or check the path")]
    """Python of an environment with the peer's runtime; `make bench-peers` makes one with torch and transformers,
    `make bench-peers-onnxruntime` one with onnxruntime."""
    runtime: Literal["transformers", "onnxruntime"] = "transformers"
    """What runs the peer."""
    preset: str = "gato_79m"
    """An autoregressive preset, or a core of `bench step`'s ladder: core_19.5m."""
    sides: tuple[Literal["cached", "recompute"], ...] = ("cached", "recompute")
    """With a cache of keys and values, and without one: the whole context once per action."""
    precision: str = "float32"
    """Of our side (models/serving/precision.py); float32 is what the peer runs in."""
    steps: Annotated[int, Within(3, LARGEST_COUNT)] = 20
    """Control steps of each side, in turn."""
    json: Path | None = None
    """Write the result here as JSON."""


def run(options: Options) -> dict:
    """Measure; returns milliseconds per control step of all sides, and ratios of medians and of 99th percentiles."""
    from rich.progress import track

    from gato_ros.bench.step_sides import seconds_of, sides_of
    from gato_ros.embodiments import load_embodiment
    from gato_ros.models.analysis.flops import core_parameters
    from gato_ros.models.layout import token_layout
    from gato_ros.models.serving.compilation import usable_cores

    config, embodiment = _config(options), load_embodiment()
    layout = token_layout(embodiment.spec, config)
    command = [options.peer_python, Path(__file__).with_name(PROGRAMS[options.runtime])]
    peer = _Peer(command, {**peer_shape(config, layout), "sides": options.sides}, MAKES[options.runtime])
    ours = sides_of(config, embodiment, layout, [options.precision], tuple(OURS[side] for side in options.sides))
    times: dict[str, list[float]] = {}
    load = [os.getloadavg()[0]]
    for step in track(range(options.steps), description="bench peers"):
        for name, side in ours.items():
            time.sleep(PAUSE_S)
            milliseconds = 1e3 * seconds_of(lambda side=side, step=step: side.run(step))
            times.setdefault(f"ours/{name}", []).append(milliseconds)
        time.sleep(PAUSE_S)
        for name, milliseconds in peer.step().items():
            times.setdefault(f"peer/{name}", []).append(milliseconds)
    load.append(os.getloadavg()[0])
    peer.close()
    rows = {
        name: {"p50": float(np.percentile(values, 50)), "p99": float(np.percentile(values, 99))}
        for name, values in times.items()
    }
    result = {
        "preset": options.preset,
        "runtime": options.runtime,
        "core_parameters": core_parameters(config),
        "peer": peer.about,
        "threads": usable_cores(),
        "sides": rows,
        **_compared(rows, next(iter(times))),
        "steps": options.steps,
        "load_average": load,
    }
    _print(result)
    return result


def _config(options: Options) -> GatoConfig:
    """The model's configuration; SetupError for options that make no measurement."""
    from gato_ros.bench.ladder import ladder
    from gato_ros.domains.robot_presets import ROBOT_PRESETS
    from gato_ros.models.serving.precision import PRECISIONS

    streaming = {
        name: config
        for name, config in {**ROBOT_PRESETS, **ladder()}.items()
        if config.action_decoding == "autoregressive"
    }
    if options.preset not in streaming:
        raise unknown_name("an autoregressive preset", options.preset, streaming)
    if not options.peer_python.exists():
        raise SetupError(
            expected="the Python of the peer's environment",
            got=f"no {options.peer_python}",
            fix=f"run `{MAKES[options.runtime]}`",
        )
    if options.precision not in PRECISIONS:
        raise unknown_name("a precision", options.precision, PRECISIONS)
    if "cached" not in options.sides:
        raise SetupError(
            expected="sides with `cached`, which the others are compared with",
            got=", ".join(options.sides),
            fix="--sides cached recompute",
        )
    check_bounds(options)
    return streaming[options.preset]


def _compared(rows: dict[str, dict[str, float]], base: str) -> dict[str, dict[str, float]]:
    """How many times as long as the side `base` the others take."""
    names = {"p50": "times_as_long_as_our_streaming", "p99": "times_as_long_as_our_streaming_p99"}
    return {
        name: {side: row[part] / rows[base][part] for side, row in rows.items() if side != base}
        for part, name in names.items()
    }


def _print(result: dict) -> None:
    for name, row in result["sides"].items():
        ratio = result["times_as_long_as_our_streaming"].get(name, 1.0)
        print(f"{name:34} {row['p50']:9.2f} / {row['p99']:.2f} ms, {ratio:.2f} times our streaming")
    print(
        f"threads: ours {result['threads']}, peer {result['peer'].get('threads', '?')}; load {result['load_average']}"
    )


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

    def __init__(self, command: list[Path], shape: dict[str, Any], make: str):
        # Not resolved: the environment's python is a link, and behind it lies one without its packages.
        words = [*(str(path.absolute()) for path in command), json_module.dumps(shape)]
        self._make = make
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
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
                fix=f"see its error above; `{self._make}` sets it up anew when its environment is deleted",
            )
        return json_module.loads(line)
