"""Work that processes of a cluster are given in the tests."""

import os
import threading

from gato_ros.core.errors import SetupError
from gato_ros.evaluation.cluster.item import writes_into_folder


def threads_and_tasks(names):
    from gato_ros.domains.registry import load_domain

    return os.environ["OMP_NUM_THREADS"], os.environ["JAX_OF_A_TEST"], [load_domain(name).tasks for name in names]


def refuse(what):
    raise SetupError(expected="something else", got=what, fix="leave it")


def die():
    os._exit(9)


@writes_into_folder
def write(folder, name, content):
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
    return len(content), threading.active_count() > 0
