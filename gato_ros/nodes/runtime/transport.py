"""Fast DDS without its shared memory, where one process that dies can stop all others.

A port in shared memory has a mutex that every sender takes. Whoever is killed or suspended while holding it keeps it,
and `publish` in another process waits until Fast DDS gives the port up: seconds, in which a guard says nothing. Seen
here with Fast DDS 3.2.3, a listener of the guard under SIGSTOP or SIGKILL, the guard's main thread waiting in
`SharedMemManager::Port::try_push`. UDP has no such lock: a datagram to a process that is gone is lost, and that is all.

Its sockets are asked for more room than Linux gives by itself, 208 KiB: a best-effort message that does not fit is lost
without a word. Of JPEG pictures of 209 kB 38 to 61 of 96 arrived, of messages of 300 kB 5 of 30; now all do.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PROFILE = Path(__file__).with_name("fastdds_this_machine.xml")
NETWORK_PROFILE = Path(__file__).with_name("fastdds_network.xml")
"""Both with large sockets; the first one stays on the loopback interface."""
FILES = ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE")
"""Where Fast DDS 3 and 2 look for a file of profiles."""
RANGE = "ROS_AUTOMATIC_DISCOVERY_RANGE"


def stay_on_this_machine(environment: MutableMapping[str, str]) -> None:
    """Nodes started with `environment` meet nobody on other machines, where the user chose nothing else."""
    environment.setdefault(RANGE, "LOCALHOST")
    avoid_shared_memory(environment)


def avoid_shared_memory(environment: MutableMapping[str, str]) -> None:
    """Keeps participants that are made with `environment` off shared memory, and gives them room for large messages; to
    be called before `rclpy.init`.

    A file of profiles that the user has named stays in force, and so does another middleware.
    """
    if not environment.get("RMW_IMPLEMENTATION", "rmw_fastrtps").startswith("rmw_fastrtps"):
        return
    if any(environment.get(name) for name in FILES):
        return
    environment.setdefault("FASTDDS_BUILTIN_TRANSPORTS", "UDPv4")
    profile = NETWORK_PROFILE
    only_here = environment.get(RANGE) == "LOCALHOST" or environment.get("ROS_LOCALHOST_ONLY") == "1"
    if only_here and not environment.get("ROS_STATIC_PEERS"):
        # For LOCALHOST rmw_fastrtps adds shared memory whatever the line above says; a profile says the same without.
        environment.pop("ROS_LOCALHOST_ONLY", None)
        environment[RANGE], profile = "SYSTEM_DEFAULT", PROFILE
    environment[FILES[1] if _is_fast_dds_2() else FILES[0]] = str(profile)


def _is_fast_dds_2() -> bool:
    """Whether this ROS is from before Kilted. Version 3 reads the old variable as well, and complains."""
    for wheel, is_2 in (("ros-fastdds", False), ("ros-fastrtps", True)):  # the wheels set no ROS_DISTRO
        try:
            version(wheel)
        except PackageNotFoundError:
            continue
        return is_2
    return os.environ.get("ROS_DISTRO") in ("humble", "iron", "jazzy")


def uses_shared_memory() -> bool:
    """Whether a participant of this process has a thread for shared memory; False where no /proc tells."""
    for task in Path("/proc/self/task").glob("*"):
        try:
            if (task / "comm").read_text().startswith("dds.shm"):
                return True
        except OSError:  # a thread that has just ended
            continue
    return False
