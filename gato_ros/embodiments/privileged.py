"""Simulator ground truth as channels of a contract: for controls that are fed poses instead of images.

A control tells whether a policy misses because it does not see or because it did not learn what to do. No YAML has
these channels and no robot can give them: weights that read them are refused by the plain contract.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from gato_ros.core.errors import SetupError
from gato_ros.core.observation import PRIVILEGED_PREFIX
from gato_ros.core.rotation import matrix_from_quat_xyzw
from gato_ros.embodiments.contract import GROUND_TRUTH, Embodiment

CUBE_POSES = {
    f"{PRIVILEGED_PREFIX}{colour}/cube_pose": f"{PRIVILEGED_PREFIX}{colour}/pose" for colour in ("blue", "green", "red")
}
"""Channel -> the simulator's pose that it is computed from. x y z [m], sine and cosine of four times the yaw.

Not the quaternion: a cube has 48 of them for one look (24 symmetries, two signs), which a clone would first have to
learn. The price: of another shape this tells the yaw up to quarter turns only.
"""
PLAN = f"{PRIVILEGED_PREFIX}plan"
"""The expert's plan as `collect` records it (PLAN_NAMES in sim/expert.py): for shapes whose pose names no grasp."""
_BELOW_M, _ABOVE_M = np.array([0.03, 0.03, 0.04]), np.array([0.03, 0.03, 0.05])
"""How far object centres may lie outside the tool's workspace."""
_FIELDS = {
    "cube_pose": "x y z sin4 cos4",
    "plan": "grasp_x grasp_y grasp_z grasp_sin2 grasp_cos2 place_x place_y place_z underside_z approaching",
}


def field_names(key: str) -> tuple[str, ...]:
    """What the values of a privileged channel are, one name each."""
    return tuple(_FIELDS[key.rsplit("/", 1)[-1]].split())


def reads_privileged(keys: Iterable[str]) -> bool:
    """Whether any of these observation keys is ground truth."""
    return any(key.startswith(PRIVILEGED_PREFIX) for key in keys)


def contract_for(embodiment: Embodiment, keys: Iterable[str]) -> Embodiment:
    """The contract that a model with these observation keys needs: `with_privileged` only if it reads ground truth."""
    return with_privileged(embodiment) if reads_privileged(keys) else embodiment


def with_privileged(embodiment: Embodiment) -> Embodiment:
    """The contract plus the privileged channels; another name and another digest, the plain one stays as it is."""
    content = embodiment.model_dump(by_alias=True)
    channels = {key: _channel(embodiment, field_names(key)) for key in (*CUBE_POSES, PLAN)}
    extended = Embodiment.model_validate(
        {**content, "name": f"{embodiment.name}+privileged", "observations": {**content["observations"], **channels}}
    )
    return extended.found_in(embodiment.urdf_path.parent)


def _channel(embodiment: Embodiment, names: tuple[str, ...]) -> dict:
    limits = embodiment.limits
    lower, upper = np.array(limits.workspace_lower_m) - _BELOW_M, np.array(limits.workspace_upper_m) + _ABOVE_M
    axis = {"x": 0, "y": 1, "z": 2}
    units, ranges = [], []
    for name in names:
        last = name.rsplit("_", 1)[-1]
        units.append("m" if last in axis else "1")
        if last in axis:
            ranges.append((float(lower[axis[last]]), float(upper[axis[last]])))
        else:
            ranges.append((0.0, 1.0) if name == "approaching" else (-1.0, 1.0))
    return {
        "kind": "continuous",
        "source": GROUND_TRUTH,
        "units": units,
        "lower": [low for low, _ in ranges],
        "upper": [high for _, high in ranges],
    }


def simulator_keys(keys: Iterable[str]) -> tuple[str, ...]:
    """The simulator's own privileged values that `privileged_values` needs for these keys."""
    return tuple(CUBE_POSES.get(key, key) for key in keys if key.startswith(PRIVILEGED_PREFIX))


def privileged_values(keys: Iterable[str], ground_truth: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The privileged channels among `keys`, float32 [... size], from the simulator's ground truth.

    Args:
        ground_truth: `privileged/<colour>/pose` [... 7] and, if PLAN is among the keys, that; any leading axes.

    Raises:
        SetupError: something is missing (recordings before the plan was recorded lack it), or partly (NaN).
    """
    for key in simulator_keys(keys):
        if key not in ground_truth or np.isnan(ground_truth[key]).any():
            raise SetupError(
                expected=f"{key} in every frame",
                got="frames without",
                fix="collect the data again with this version of `collect`",
            )
    return {
        key: cube_pose(ground_truth[CUBE_POSES[key]]) if key in CUBE_POSES else np.asarray(ground_truth[key])
        for key in keys
        if key.startswith(PRIVILEGED_PREFIX)
    }


def cube_pose(pose: np.ndarray) -> np.ndarray:
    """float32 [... 5] of poses [... 7] (x y z, quaternion xyzw): the yaw is that of the most horizontal body axis."""
    pose = np.asarray(pose, np.float64)
    axes = np.moveaxis(matrix_from_quat_xyzw(np.moveaxis(pose[..., 3:], -1, 0)), (0, 1), (-2, -1))
    flattest = np.abs(axes[..., 2, :]).argmin(-1)[..., None, None]
    chosen = np.take_along_axis(axes, flattest, -1)[..., 0]
    yaw4 = 4 * np.arctan2(chosen[..., 1], chosen[..., 0])
    return np.concatenate([pose[..., :3], np.sin(yaw4)[..., None], np.cos(yaw4)[..., None]], -1).astype(np.float32)
