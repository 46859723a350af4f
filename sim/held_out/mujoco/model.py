"""The stacking cell as a MuJoCo model: our URDF with the contract's limits, our basket, our props."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from pathlib import Path

import mujoco
import numpy as np

from gato_ros.core.errors import SetupError
from gato_ros.embodiments import Embodiment
from gato_ros.sim import scene, task
from gato_ros.sim.gripper import TARGET_LEAD_M
from gato_ros.sim.objects import rgb_object
from gato_ros.sim.world import PHYSICS_STEP_S

GROUND, ROBOT = "ground", "robot"
TOUCH_M = 0.0005
"""As in the plain world: what is not further away touches. Within this distance a contact has no force yet."""
FULL_TORQUE_RAD, LAG_S = 0.05, 0.05
"""A joint's servo pushes with all its torque where it is so far from its target, and follows it by so much later."""
FINGER_DAMPING = 60.0
"""[N s/m]: near critical for a finger of 100 g, whose servo has the contract's force TARGET_LEAD_M from its target."""
SOLREF, SOLIMP = (2 * PHYSICS_STEP_S, 1.0), (0.95, 0.99, 0.001, 0.5, 2.0)
"""As hard as this step allows: of 40 N on a finger a pad gives way by about 0.1 mm."""

# Bullet multiplies the two frictions of a pair, MuJoCo takes the larger: these give the same pairs.
PROP_FRICTION = scene.OBJECT_FRICTION**2
BASKET_FRICTION = scene.BASKET_FRICTION * scene.OBJECT_FRICTION
SPINNING_M = 2 * scene.SPINNING_FRICTION * scene.OBJECT_FRICTION
NO_ROLLING = 0.0

# Who meets whom: props and the robot the basket and props; the robot does not meet itself, as in the plain world.
BASKET_BITS, ROBOT_BITS, PROP_BITS = (0, 3), (1, 0), (2, 3)


def build_model(robot: Embodiment, names: Sequence[str], masses_kg: Sequence[float]) -> mujoco.MjModel:
    """The cell of that robot with three props of these objects and masses, called `red`, `green` and `blue`.

    Geoms are called `robot/...`, `ground/...` or as the prop. SetupError for a robot that MuJoCo cannot read.
    """
    try:
        spec = mujoco.MjSpec.from_string(_urdf(robot.urdf_path))
        _set_options(spec)
        _set_arm(spec, robot)
        _add_basket(spec, robot)
        for colour, name, mass in zip(task.COLOURS, names, masses_kg, strict=True):
            _add_prop(spec, robot, colour, name, mass)
        return spec.compile()
    except ValueError as error:
        raise SetupError(
            expected=f"a URDF of {robot.name} that MuJoCo reads",
            got=" ".join(str(error).split())[:200],
            fix="choose another --world, or give the collision shapes as boxes, cylinders, spheres, STL or OBJ",
        ) from error


def _urdf(path: Path) -> str:
    """The robot's description as MuJoCo wants it: every shape has a name, every file its whole path."""
    root = ElementTree.parse(path).getroot()
    for number, shape in enumerate(root.iter("collision")):
        shape.set("name", f"{ROBOT}/{number}")
    for mesh in root.iter("mesh"):
        beside = path.parent / mesh.get("filename", "")
        if beside.exists():
            mesh.set("filename", str(beside.resolve()))
    ElementTree.SubElement(ElementTree.SubElement(root, "mujoco"), "compiler", strippath="false", discardvisual="true")
    return ElementTree.tostring(root, encoding="unicode")


def _set_options(spec: mujoco.MjSpec) -> None:
    option = spec.option
    option.timestep, option.integrator = PHYSICS_STEP_S, mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    # Pyramids creep under load, and the props' flat faces need more than one point.
    option.cone, option.impratio = mujoco.mjtCone.mjCONE_ELLIPTIC, 10.0
    option.enableflags |= mujoco.mjtEnableBit.mjENBL_MULTICCD
    # What blows up is to be seen, not put back to the start.
    option.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET


def _set_shape(geom, bits: tuple[int, int], friction: float) -> None:
    geom.contype, geom.conaffinity = bits
    geom.condim, geom.friction = 4, [friction, SPINNING_M, NO_ROLLING]
    geom.solref, geom.solimp = SOLREF, SOLIMP


def _set_arm(spec: mujoco.MjSpec, robot: Embodiment) -> None:
    """Servos on the joints; the controller of a real arm carries its own weight."""
    for geom in spec.geoms:
        _set_shape(geom, ROBOT_BITS, PROP_FRICTION)
    for body in spec.bodies:
        body.gravcomp = 1.0
    lower, upper, _ = robot.joint_limits
    for name, least, most in zip(robot.arm.joints, lower, upper, strict=True):
        joint = spec.joint(name)
        joint.range = [least, most]
        torque = float(joint.actfrcrange[1])
        _add_servo(spec, name, torque / FULL_TORQUE_RAD, LAG_S * torque / FULL_TORQUE_RAD, torque)
    force = robot.gripper.force_n
    fingers = robot.simulated.finger_joints or ()
    for name in fingers:
        joint = spec.joint(name)
        joint.range, joint.actfrcrange = [0.0, robot.gripper.stroke_m / 2], [-force, force]
        joint.solref_limit = SOLREF
        _add_servo(spec, name, force / TARGET_LEAD_M, FINGER_DAMPING, force)
    spec.add_equality(
        type=mujoco.mjtEq.mjEQ_JOINT,
        objtype=mujoco.mjtObj.mjOBJ_JOINT,
        name1=fingers[0],
        name2=fingers[1],
        data=[0.0, 1.0, *[0.0] * 9],
        solref=SOLREF,
        solimp=SOLIMP,
    )


def _add_servo(spec: mujoco.MjSpec, joint: str, stiffness: float, damping: float, force: float) -> None:
    spec.add_actuator(
        name=joint,
        target=joint,
        trntype=mujoco.mjtTrn.mjTRN_JOINT,
        gaintype=mujoco.mjtGain.mjGAIN_FIXED,
        biastype=mujoco.mjtBias.mjBIAS_AFFINE,
        gainprm=[stiffness, *[0.0] * 9],
        biasprm=[0.0, -stiffness, -damping, *[0.0] * 7],
        forcelimited=True,
        forcerange=[-force, force],
    )


def _add_basket(spec: mujoco.MjSpec, robot: Embodiment) -> None:
    for number, (half_m, position, quat_xyzw) in enumerate(scene.basket_boxes(robot.simulated.cell)):
        box = spec.worldbody.add_geom(
            name=f"{GROUND}/{number}", type=mujoco.mjtGeom.mjGEOM_BOX, size=half_m, pos=position
        )
        box.quat = wxyz(quat_xyzw)
        _set_shape(box, BASKET_BITS, BASKET_FRICTION)


def _add_prop(spec: mujoco.MjSpec, robot: Embodiment, colour: str, name: str, mass_kg: float) -> None:
    shape = rgb_object(name)
    vertices = robot.simulated.cell.scale * shape.vertices
    spec.add_mesh(
        name=colour,
        uservert=vertices.ravel().tolist(),
        userface=shape.faces.ravel().tolist(),
        inertia=mujoco.mjtMeshInertia.mjMESH_INERTIA_EXACT,
    )
    body = spec.worldbody.add_body(name=colour)
    body.add_freejoint(name=colour)
    geom = body.add_geom(name=colour, type=mujoco.mjtGeom.mjGEOM_MESH, meshname=colour, mass=mass_kg)
    _set_shape(geom, PROP_BITS, PROP_FRICTION)
    geom.margin = geom.gap = TOUCH_M


def wxyz(quat_xyzw: Sequence[float]) -> np.ndarray:
    """[4] in MuJoCo's order."""
    return np.roll(np.asarray(quat_xyzw, np.float64), 1)
