"""Whether PyBullet's OpenGL can draw here, without a screen. Tried in another process: where it cannot, it exits."""

from __future__ import annotations

import subprocess
import sys

from gato_ros.core.errors import SetupError
from gato_ros.sim.engine import require_simulator

LONGEST_S = 60.0


def require_opengl(world: str) -> None:
    """SetupError where OpenGL through EGL is missing, or draws nothing."""
    require_simulator()
    command = [sys.executable, "-m", "gato_ros.sim.held_out.opengl"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=LONGEST_S)
        problem = "" if done.returncode == 0 else _last_line(done.stderr) or f"exit code {done.returncode}"
    except subprocess.TimeoutExpired:
        problem = f"no picture in {LONGEST_S:.0f} s"
    if problem:
        raise SetupError(
            expected=f"OpenGL through EGL, which draws the world {world}",
            got=problem,
            fix="apt-get install libegl1 libgles2 libgl1-mesa-dri (they draw without a GPU), or choose another world",
        )


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("pybullet build")]
    return lines[-1][:200] if lines else ""
