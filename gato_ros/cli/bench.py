"""Speed of the simulator (`bench sim`), of a control step (`bench step`), and of a policy's start (`bench start`)."""

from __future__ import annotations

from typing import Annotated, Union

import tyro

from gato_ros.cli import bench_sim, bench_start, bench_step

Options = Union[
    Annotated[bench_sim.Options, tyro.conf.subcommand("sim", description=bench_sim.__doc__)],
    Annotated[bench_start.Options, tyro.conf.subcommand("start", description=bench_start.__doc__)],
    Annotated[bench_step.Options, tyro.conf.subcommand("step", description=bench_step.__doc__)],
]


def run(options: bench_sim.Options | bench_start.Options | bench_step.Options) -> dict:
    """Hand over to the benchmark that the options belong to."""
    benches = {bench.Options: bench for bench in (bench_sim, bench_start, bench_step)}
    return benches[type(options)].run(options)
