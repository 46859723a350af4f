"""Speed of simulator, control step, start and training; what a recorder costs and loses; false alarms of the doctor."""

from __future__ import annotations

import sys
from typing import Annotated, Union

import tyro

from gato_ros.cli import (
    bench_corrupt,
    bench_doctor,
    bench_entropy,
    bench_guard,
    bench_guard_peers,
    bench_memory,
    bench_peers,
    bench_record_cost,
    bench_record_kill,
    bench_record_parity,
    bench_record_peers,
    bench_sim,
    bench_start,
    bench_step,
    bench_train,
)

Options = Union[
    Annotated[bench_sim.Options, tyro.conf.subcommand("sim", description=bench_sim.__doc__)],
    Annotated[bench_start.Options, tyro.conf.subcommand("start", description=bench_start.__doc__)],
    Annotated[bench_step.Options, tyro.conf.subcommand("step", description=bench_step.__doc__)],
    Annotated[bench_train.Options, tyro.conf.subcommand("train", description=bench_train.__doc__)],
    Annotated[bench_entropy.Options, tyro.conf.subcommand("entropy", description=bench_entropy.__doc__)],
    Annotated[bench_guard.Options, tyro.conf.subcommand("guard", description=bench_guard.__doc__)],
    Annotated[bench_peers.Options, tyro.conf.subcommand("peers", description=bench_peers.__doc__)],
    Annotated[bench_guard_peers.Options, tyro.conf.subcommand("guard-peers", description=bench_guard_peers.__doc__)],
    Annotated[bench_record_kill.Options, tyro.conf.subcommand("record-kill", description=bench_record_kill.__doc__)],
    Annotated[bench_record_cost.Options, tyro.conf.subcommand("record-cost", description=bench_record_cost.__doc__)],
    Annotated[
        bench_record_parity.Options, tyro.conf.subcommand("record-parity", description=bench_record_parity.__doc__)
    ],
    Annotated[bench_record_peers.Options, tyro.conf.subcommand("record-peers", description=bench_record_peers.__doc__)],
    Annotated[bench_doctor.Options, tyro.conf.subcommand("doctor", description=bench_doctor.__doc__)],
    Annotated[bench_memory.Options, tyro.conf.subcommand("memory", description=bench_memory.__doc__)],
    Annotated[bench_corrupt.Options, tyro.conf.subcommand("corrupt", description=bench_corrupt.__doc__)],
]


def run(options: Options) -> dict:
    """Hand over to the benchmark that the options belong to."""
    return sys.modules[type(options).__module__].run(options)
