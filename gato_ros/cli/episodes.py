"""Recorded episodes: list, verify, repair, label, throw away, count, look at, and take elsewhere."""

from __future__ import annotations

import sys
from typing import Annotated, Union

import tyro

from gato_ros.cli.episode_verbs import export as episodes_export
from gato_ros.cli.episode_verbs import label as episodes_label
from gato_ros.cli.episode_verbs import ls as episodes_ls
from gato_ros.cli.episode_verbs import repair as episodes_repair
from gato_ros.cli.episode_verbs import stats as episodes_stats
from gato_ros.cli.episode_verbs import trash as episodes_trash
from gato_ros.cli.episode_verbs import verify as episodes_verify
from gato_ros.cli.episode_verbs import view as episodes_view

Options = Union[
    Annotated[episodes_ls.Options, tyro.conf.subcommand("ls", description=episodes_ls.__doc__)],
    Annotated[episodes_verify.Options, tyro.conf.subcommand("verify", description=episodes_verify.__doc__)],
    Annotated[episodes_repair.Options, tyro.conf.subcommand("repair", description=episodes_repair.__doc__)],
    Annotated[episodes_label.Options, tyro.conf.subcommand("label", description=episodes_label.__doc__)],
    Annotated[episodes_trash.Options, tyro.conf.subcommand("trash", description=episodes_trash.__doc__)],
    Annotated[episodes_stats.Options, tyro.conf.subcommand("stats", description=episodes_stats.__doc__)],
    Annotated[episodes_view.Options, tyro.conf.subcommand("view", description=episodes_view.__doc__)],
    Annotated[episodes_export.Options, tyro.conf.subcommand("export", description=episodes_export.__doc__)],
]


def run(options: Options) -> dict:
    """Hand over to the verb that the options belong to."""
    return sys.modules[type(options).__module__].run(options)
