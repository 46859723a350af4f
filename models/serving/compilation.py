"""What JAX compiles for, and compiled code kept on disk: a policy that starts again does not compile again."""

from __future__ import annotations

import os
from pathlib import Path

import jax

from gato_ros.core.errors import SetupError

VARIABLE = "GATO_ROS_COMPILATION_CACHE"
OFF = "off"


def require_device() -> None:
    """Raises SetupError where JAX finds nothing to compute on, e.g. JAX_PLATFORMS=cuda on a machine without a GPU."""
    try:
        jax.devices()
    except (RuntimeError, AssertionError) as error:  # which of them, and with what text, differs between versions
        wanted = os.environ.get("JAX_PLATFORMS", "")
        said = " ".join(str(error).split())
        raise SetupError(
            expected="a device that JAX can compute on",
            got=f"none with JAX_PLATFORMS={wanted!r}{said and ': '}{said}",
            fix="unset JAX_PLATFORMS, or set it to cpu",
        ) from None


def usable_cores() -> int:
    """Cores that this process may run on; XLA computes with as many threads."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cache_folder(wanted: str = "") -> Path | None:
    """The folder that `wanted` means: a path, "off" (None), or "": VARIABLE's, else the user's cache."""
    wanted = wanted or os.environ.get(VARIABLE, "")
    if wanted == OFF:
        return None
    if wanted:
        return Path(wanted).expanduser()
    home = os.environ.get("XDG_CACHE_HOME", "")
    # The base directory specification: a relative path is ignored.
    base = Path(home) if Path(home).is_absolute() else Path.home() / ".cache"
    return base / "gato_ros" / "jax"


def keep_compiled(wanted: str = "") -> Path | None:
    """Keep what is compiled from now on in `cache_folder(wanted)`, and take from there what is known; the folder.

    A folder that cannot be written to only costs the time to compile: JAX warns and goes on.
    """
    folder = cache_folder(wanted)
    if folder is None:
        return None
    jax.config.update("jax_compilation_cache_dir", str(folder))
    # Without these two small functions are compiled again at every start.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    return folder
