"""Speed of simulator, control step, start and training; what a recorder costs and loses; false alarms of the doctor."""

from __future__ import annotations

import sys
from typing import Annotated, Union

import tyro

from gato_ros.bench import corrupt as bench_corrupt
from gato_ros.bench import doctor as bench_doctor
from gato_ros.bench import entropy as bench_entropy
from gato_ros.bench import guard_step as bench_guard
from gato_ros.bench import memory as bench_memory
from gato_ros.bench import sim as bench_sim
from gato_ros.bench import start as bench_start
from gato_ros.bench import step as bench_step
from gato_ros.bench import train as bench_train
from gato_ros.bench.peers import guard_peers as bench_guard_peers
from gato_ros.bench.peers import record_peers as bench_record_peers
from gato_ros.bench.peers import step_peers as bench_peers
from gato_ros.bench.recorder import cost as bench_record_cost
from gato_ros.bench.recorder import kill as bench_record_kill
from gato_ros.bench.recorder import parity as bench_record_parity

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
