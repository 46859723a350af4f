"""The scene in Rerun: cameras, joints, arrows and entropy on one time line. Needs `pip install rerun-sdk`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gato_ros.core.errors import SetupError
from gato_ros.embodiments import Embodiment
from gato_ros.nodes.view.debug_picture import COLOURS, COMMANDED, DIM, PROPOSED, Scene

ARROW_S = 2.0
"""An arrow is as long as the way in this time [s]."""
SPAWN = "spawn"


class RerunLog:
    """Logs scenes to a viewer, or to a file for one."""

    def __init__(self, robot: Embodiment, target: str):
        """`target`: SPAWN opens a viewer; anything else is the .rrd file to write.

        Raises:
            SetupError: no rerun-sdk, or a file that cannot be written.
        """
        try:
            import rerun
        except ModuleNotFoundError:
            raise SetupError(
                expected="the package rerun-sdk for view_node's parameter rerun",
                got="a Python without",
                fix="pip install rerun-sdk, or leave the parameter empty",
            ) from None
        self._rerun, self._robot, self._logged_status = rerun, robot, ""
        self._stream = rerun.RecordingStream("gato_ros")
        if target == SPAWN:
            self._stream.spawn()
        else:
            if not Path(target).parent.is_dir():
                raise SetupError(
                    expected="a file in a folder that exists for view_node's parameter rerun",
                    got=target,
                    fix="make the folder, or choose another place",
                )
            self._stream.save(target)
        limits = robot.limits
        lower, upper = np.array(limits.workspace_lower_m), np.array(limits.workspace_upper_m)
        self._log(
            "world/workspace",
            rerun.Boxes3D(centers=[(lower + upper) / 2], half_sizes=[(upper - lower) / 2]),
            static=True,
        )

    def _log(self, path: str, *what, static: bool = False) -> None:
        self._rerun.log(path, *what, static=static, recording=self._stream)

    def add(self, scene: Scene, q: np.ndarray | None, tool_rotation: np.ndarray | None, stamp_s: float) -> None:
        """One moment, stamped `stamp_s` [s]; what is unknown is left out."""
        rerun = self._rerun
        rerun.set_time("stamp", timestamp=stamp_s, recording=self._stream)
        for key, picture in scene.cameras.items():
            if picture is not None:
                self._log(f"cameras/{key.split('/')[0]}", rerun.Image(picture))
        if q is not None:
            for name, angle in zip(self._robot.arm.joints, q):
                self._log(f"joints/{name}", rerun.Scalars(float(angle)))
        for name, value in (("gripper/opening", scene.opening_m), ("policy/entropy", scene.entropy_nat)):
            if value is not None:
                self._log(name, rerun.Scalars(float(value)))
        if scene.tool_m is not None and tool_rotation is not None:
            self._log(
                "world/tool",
                rerun.Arrows3D(
                    origins=[scene.tool_m] * 3,
                    vectors=0.06 * tool_rotation.T,
                    colors=[(220, 60, 60), (60, 180, 80), (70, 110, 230)],
                ),
            )
            for name, twist, colour in (
                ("proposed", scene.proposed, PROPOSED),
                ("commanded", scene.commanded, COMMANDED),
            ):
                if twist is not None:
                    self._log(
                        f"world/{name}",
                        rerun.Arrows3D(origins=[scene.tool_m], vectors=[ARROW_S * twist[:3]], colors=[colour]),
                    )
        line = f"guard {scene.level or 'silent'} {scene.reasons}; {scene.source}; policy {scene.policy or 'silent'}"
        if line != self._logged_status:
            self._logged_status = line
            self._log("status", rerun.TextLog(line, color=COLOURS.get(scene.level, DIM)))

    def close(self) -> None:
        """Everything to the file."""
        self._stream.flush()
        self._stream.disconnect()
