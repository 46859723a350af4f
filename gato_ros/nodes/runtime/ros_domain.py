"""A ROS domain for one run: two runs on one machine in the same domain would drive each other's robot."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from gato_ros.core.errors import SetupError

DOMAINS = range(1, 102)
"""0 is everybody's default; above 101 the ports of DDS meet those that Linux hands out."""


def claim_domain() -> tuple[int, IO]:
    """The number of a domain that no other run of ours uses, and a file: the claim lasts while it is open.

    Raises:
        SetupError: all are taken.
    """
    start = os.getpid() % len(DOMAINS)
    for number in [*DOMAINS[start:], *DOMAINS[:start]]:
        try:
            file = open(Path(tempfile.gettempdir()) / f"gato_ros_domain_{number}.lock", "w")
        except OSError:
            continue  # another user's
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return number, file
        except OSError:
            file.close()
    raise SetupError(
        expected="a free ROS domain from 1 to 101",
        got="all in use by other runs",
        fix="end some of them, or set ROS_DOMAIN_ID",
    )


@contextlib.contextmanager
def own_domain() -> Iterator[None]:
    """A ROS domain of this run's own, on this machine only, where the user chose nothing else."""
    from gato_ros.nodes.runtime.transport import stay_on_this_machine

    stay_on_this_machine(os.environ)
    if "ROS_DOMAIN_ID" in os.environ:
        yield
        return
    number, claim = claim_domain()
    os.environ["ROS_DOMAIN_ID"] = str(number)
    with claim:
        yield
