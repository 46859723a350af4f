"""The RGB-stacking world: arm, basket, three props, cameras, in one PyBullet client.

One world is one process's business: PyBullet holds the GIL, and its calls must come from one thread.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass

import numpy as np

from gato_ros.core.errors import SetupError, unknown_name
from gato_ros.embodiments import Embodiment, load_embodiment
from gato_ros.embodiments.kinematics import Kinematics, joints_for_tool
from gato_ros.embodiments.pictures.reader import PictureReader
from gato_ros.embodiments.simulation import MountedCamera
from gato_ros.sim import attempts, camera, scene, task
from gato_ros.sim.bullet import bullet_client, pybullet
from gato_ros.sim.objects import rgb_object
from gato_ros.sim.randomisation import PLAIN, Conditions, texture_path
from gato_ros.sim.robot import SimulatedArm

PHYSICS_STEP_S = 0.002
FARTHEST_M, HIGHEST_M = 5.0, 3.0
"""No push of the arm sends a prop further or higher; it may fall beside the table, as deep as the episode is long."""

MOST_DRAWS = 500
"""An arm that fits this world finds a start within a few draws."""


class PhysicsError(RuntimeError):
    """The solver gave numbers that describe no world; whoever runs the episode must not score it."""


@dataclass(frozen=True)
class PropState:
    """Pose of one prop."""

    position: np.ndarray
    """[3] centre [m] in the base frame."""
    quat_xyzw: np.ndarray
    """[4] base_from_prop."""


def draw_start(embodiment: Embodiment, kinematics: Kinematics, rng: np.random.Generator) -> np.ndarray:
    """Joint angles [joints] [rad] with the tool at a random start."""
    cell = embodiment.simulated.cell
    for _ in range(MOST_DRAWS):
        position = rng.uniform(cell.start_lower_m, cell.start_upper_m)
        yaw = float(rng.uniform(*cell.start_yaw_rad))
        try:
            return joints_for_tool(embodiment, kinematics, position, yaw)
        except ValueError:
            continue  # a corner of the start range the arm cannot reach: draw again
    raise SetupError(
        expected=f"{embodiment.name} to reach starts from {cell.start_lower_m} to {cell.start_upper_m} m",
        got=f"none of {MOST_DRAWS}",
        fix="see `python -m gato_ros contract`: is arm.posture_rad over the basket, gripper down?",
    )


class StackingWorld:
    """Physics and cameras, without control: whoever holds it sends joint velocities and an opening."""

    def __init__(self, embodiment: Embodiment | None = None, gui: bool = False):
        self.embodiment = embodiment or load_embodiment()
        self._check_embodiment()
        self._readers = {key: PictureReader(channel) for key, channel in self.embodiment.cameras.items()}
        self.kinematics, self.cell = Kinematics(self.embodiment), self.embodiment.simulated.cell
        self._client = bullet_client.BulletClient(pybullet.GUI if gui else pybullet.DIRECT)
        # Also where nobody calls close: at Python's exit the client's own __del__ comes too late and prints an error.
        self._disconnect = weakref.finalize(self, lambda client: client.disconnect(), self._client)
        self._robot: SimulatedArm | None = None
        self._props: dict[str, int] = {}
        self._basket: list[int] = []
        self._steps, self.conditions = 0, PLAIN
        self.object_names: tuple[str, str, str] = ("", "", "")

    def _check_embodiment(self) -> None:
        """SetupError, before a window opens, for a robot that this world cannot hold."""
        self.embodiment.simulated  # noqa: B018 - raises where there is nothing to simulate
        if self.embodiment.listened:
            raise SetupError(
                expected=f"observations of {self.embodiment.name} that the simulator has: cameras and its own state",
                got=f"{', '.join(self.embodiment.listened)}, read from topics of their own",
                fix="simulate a contract without them",
            )
        mounted = self.embodiment.simulated.cameras
        known = (*camera.CAMERAS, *mounted)
        for key in self.embodiment.image_keys:
            if (name := key.split("/")[0]) not in known:
                raise unknown_name(f"a camera of the simulator, for {key} of {self.embodiment.name}", name, known)
            if name in mounted:
                self._check_mounted(key, mounted[name])
            if self.embodiment.cameras[key].camera.depth_m is not None:
                raise SetupError(
                    expected=f"colour from {key} of {self.embodiment.name}: the simulator's cameras have no depth",
                    got="camera.depth_m",
                    fix="simulate a contract without it",
                )

    def _check_mounted(self, key: str, mounted: MountedCamera) -> None:
        """SetupError for a camera on the arm whose pictures cannot be made as large as its driver's."""
        robot, driver = self.embodiment, self.embodiment.cameras[key].camera
        width, height = mounted.rendered or (driver.width, driver.height)
        if driver.width % width or driver.height % height:
            raise SetupError(
                expected=f"`rendered` of {key} of {robot.name} of which {driver.width}x{driver.height} is a multiple",
                got=f"{width}x{height}",
                fix=f"write e.g. rendered: [{driver.width // 2}, {driver.height // 2}]",
            )

    def reset(self, rng: np.random.Generator, objects: str = "cubes") -> None:
        """A new start: objects drawn from the set, dropped and settled, the tool at a random pose above.

        The client is emptied first, so that a start depends on `rng` alone and not on what came before.

        Raises:
            SetupError: unknown object set.
        """
        names = task.draw_objects(objects, rng)
        self.clear()
        q = draw_start(self.embodiment, self.kinematics, rng)
        self._robot.place(q, self.embodiment.gripper.stroke_m)
        self.object_names = names
        for _ in range(MOST_DRAWS):
            self.drop(names, rng)
            lower, upper = self.embodiment.motion_limits.workspace_lower, self.embodiment.motion_limits.workspace_upper
            centres = np.array([self.prop(colour).position[:2] for colour in task.COLOURS])
            if np.all(centres > lower[:2]) and np.all(centres < upper[:2]):
                break
        else:
            raise SetupError(
                expected=f"a workspace of {self.embodiment.name} over the basket",
                got=f"props that lay outside it {MOST_DRAWS} times",
                fix="change limits.workspace_*_m",
            )
        self._robot.place(q, self.embodiment.gripper.stroke_m)

    def clear(self) -> None:
        """Empty the client and put arm and basket back."""
        client = self._client
        client.resetSimulation()
        client.setGravity(0, 0, -9.81)
        client.setPhysicsEngineParameter(
            fixedTimeStep=PHYSICS_STEP_S, numSolverIterations=50, deterministicOverlappingPairs=1, enableConeFriction=1
        )
        self._robot = SimulatedArm(client, self.embodiment)
        self._basket = scene.add_basket(client, self.cell)
        self._props, self._steps, self.conditions = {}, 0, PLAIN

    def set_conditions(self, conditions: Conditions) -> None:
        """Look and feel of the world until the next reset; the props must be in it."""
        client, self.conditions = self._client, conditions
        for row, colour in enumerate(task.COLOURS):
            body = self._props[colour]
            client.changeDynamics(
                body,
                -1,
                mass=scene.prop_mass_kg(self.cell.scale) * conditions.mass,
                lateralFriction=scene.OBJECT_FRICTION * conditions.friction,
            )
            if conditions.prop_tint is not None:
                client.changeVisualShape(body, -1, rgbaColor=(*conditions.prop_tint[row].tolist(), 1.0))
        texture = {}
        if conditions.texture is not None:
            texture = {"textureUniqueId": client.loadTexture(str(texture_path(conditions.texture)))}
        for body, grey in zip(self._basket, scene.BASKET_GREY):
            if texture or conditions.basket_tint is not None:
                tint = np.full(3, grey) if conditions.basket_tint is None else conditions.basket_tint * grey / 0.35
                client.changeVisualShape(body, -1, rgbaColor=(*np.clip(tint, 0, 1).tolist(), 1.0), **texture)

    def drop(self, names: tuple[str, str, str], rng: np.random.Generator) -> None:
        """Drop the three props at random points and orientations and let them settle."""
        for body in self._props.values():
            self._client.removeBody(body)
        points = task.draw_drop_points(rng)
        self._props = {
            colour: scene.add_prop(
                self._client,
                rgb_object(name),
                colour,
                self.cell.to_base(np.append(point, task.PROP_DROP_HEIGHT_M)),
                task.draw_quat_xyzw(rng),
                self.cell.scale,
            )
            for colour, name, point in zip(task.COLOURS, names, points)
        }
        for _ in range(round(task.SETTLE_S / 0.1)):
            self.advance(0.1)
            speeds = [np.abs(self._client.getBaseVelocity(body)).max() for body in self._props.values()]
            if max(speeds) < 2e-3:
                return

    # --- the robot's plug ---

    @property
    def arms(self) -> list[SimulatedArm]:
        """All that are in the world."""
        return [self._robot]

    @property
    def joint_positions(self) -> np.ndarray:
        """[joints] [rad], in the contract's order."""
        return self._robot.joint_positions

    @property
    def joint_velocities(self) -> np.ndarray:
        """[joints] [rad/s]."""
        return self._robot.joint_velocities

    @property
    def gripper_opening_m(self) -> float:
        """Distance between the pads [m]."""
        return self._robot.opening_m

    @property
    def gripper_effort_n(self) -> float:
        """Grip force [N]: the smaller of the two fingers' loads."""
        return self._robot.grip_force_n

    def set_joint_velocity(self, velocity: np.ndarray) -> None:
        """Joint velocities [joints] [rad/s] until the next call."""
        self._robot.command(joint_velocity=velocity)

    def set_gripper(self, opening_m: float) -> None:
        """Wanted opening [m]; the fingers move at the contract's speed."""
        self._robot.command(opening_m=opening_m)

    def advance(self, seconds: float) -> None:
        """Physics for `seconds` (a multiple of PHYSICS_STEP_S); PhysicsError where the result is no world."""
        self._run(round(seconds / PHYSICS_STEP_S))
        for colour in self._props:
            x, y, z = self.prop(colour).position
            # Bullet itself caps speeds at 100 m/s: what blew up shows by where it is. NaN fails the comparisons.
            if not (abs(x) < FARTHEST_M and abs(y) < FARTHEST_M and z < HIGHEST_M):
                raise PhysicsError(f"the {colour} prop is at {x:.3g}, {y:.3g}, {z:.3g} m: this episode is void")
        if not all(np.isfinite([arm.joint_positions, arm.joint_velocities]).all() for arm in self.arms):
            raise PhysicsError("a joint of the arm is not finite: this episode is void")

    def _run(self, steps: int) -> None:
        for _ in range(steps):
            # Every step: targets that jump at 100 Hz would make the joints start and stop within each cycle.
            for arm in self.arms:
                arm.track(PHYSICS_STEP_S)
            self._client.stepSimulation()
        self._steps += steps

    @property
    def time_s(self) -> float:
        """Simulated time since the client was emptied [s]."""
        return self._steps * PHYSICS_STEP_S

    def render(self, key: str) -> np.ndarray:
        """uint8 [height width 3] as a policy sees it, from the camera of an image key, `<camera>/pixels`."""
        return self._readers[key].of_pixels(self.film(key))

    def film(self, key: str) -> np.ndarray:
        """uint8 [height width 3] as that camera's driver would publish it."""
        driver, name = self.embodiment.cameras[key].camera, key.split("/")[0]
        mounted = self.embodiment.simulated.cameras.get(name)
        if mounted is None:
            stands = camera.placed(camera.moved(name, self.conditions), self.cell)
            return self.look(stands, name, driver.width, driver.height)
        width, height = mounted.rendered or (driver.width, driver.height)
        stands = camera.mounted(*self._robot.frame(mounted.frame), mounted.fovy_deg, name, self.conditions)
        pixels = self.look(stands, name, width, height)
        return pixels.repeat(driver.height // height, 0).repeat(driver.width // width, 1)

    def look(self, stands: camera.Camera, name: str, width: int, height: int) -> np.ndarray:
        """uint8 [height width 3] from a camera that stands anywhere, under the world's conditions."""
        return camera.render(self._client, name, width, height, self.conditions, stands)

    def photograph(self, name: str, width: int, height: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """uint8 [height width 3] of the plain world from one of the cell's cameras, and bool [height width] where it
        shows the `red`, `green` and `blue` prop and the `robot`."""
        pixels, shown = camera.render_bodies(
            self._client, camera.placed(camera.CAMERAS[name], self.cell), width, height
        )
        bodies = {**self._props, "robot": self._robot.body}
        return pixels, {what: shown == body for what, body in bodies.items()}

    # --- putting things somewhere without physics ---

    def lay(self, names: tuple[str, str, str], poses: dict[str, PropState]) -> None:
        """Three other props, red, green and blue, at rest at these poses."""
        for body in self._props.values():
            self._client.removeBody(body)
        self.object_names = names
        self._props = {
            colour: scene.add_prop(
                self._client, rgb_object(name), colour, poses[colour].position, poses[colour].quat_xyzw, self.cell.scale
            )
            for colour, name in zip(task.COLOURS, names)
        }

    def put_prop(self, colour: str, position: np.ndarray, quat_xyzw: np.ndarray) -> None:
        """Put a prop at rest at a pose."""
        self._client.resetBasePositionAndOrientation(
            self._props[colour], np.asarray(position).tolist(), np.asarray(quat_xyzw).tolist()
        )
        self._client.resetBaseVelocity(self._props[colour], (0, 0, 0), (0, 0, 0))

    def put_tool(self, position: np.ndarray, yaw_rad: float, opening_m: float) -> bool:
        """Put the arm at rest with the tool at a pose; contacts are found anew, without forces.

        False, and nothing is changed, where the arm cannot reach it.
        """
        try:
            q = joints_for_tool(self.embodiment, self.kinematics, np.asarray(position), yaw_rad)
        except ValueError:
            return False
        self._robot.place(q, opening_m)
        self._client.performCollisionDetection()
        return True

    # --- ground truth ---

    def prop(self, colour: str) -> PropState:
        """Pose of the `red`, `green` or `blue` prop."""
        position, quaternion = self._client.getBasePositionAndOrientation(self._props[colour])
        return PropState(np.array(position), np.array(quaternion))

    def touches(self, colour: str) -> set[str]:
        """What a prop is in contact with, out of the other colours, "ground" and "robot"."""
        names = {body: other for other, body in self._props.items() if other != colour}
        names |= dict.fromkeys([arm.body for arm in self.arms], "robot") | dict.fromkeys(self._basket, "ground")
        contacts = self._client.getContactPoints(bodyA=self._props[colour])
        return {names[contact[2]] for contact in contacts if contact[8] <= 0.0005 and contact[2] in names}

    def stacked(self, wanted: task.StackTask = task.RED_ON_BLUE) -> bool:
        """The peer's sparse success at this instant."""
        top, base = (self.cell.to_cell(self.prop(colour).position) for colour in (wanted.top, wanted.base))
        return attempts.is_stacked(top, base, wanted.base, self.touches(wanted.top))

    def pad_contacts(self, colour: str) -> tuple[bool, bool]:
        """Whether the left and the right finger touch a prop."""
        return self.pads_of(self._robot, colour)

    def pads_of(self, arm: SimulatedArm, colour: str) -> tuple[bool, bool]:
        """The same of one of `arms`."""
        return tuple(
            bool(self._client.getContactPoints(bodyA=arm.body, linkIndexA=finger, bodyB=self._props[colour]))
            for finger in arm.fingers
        )

    def close(self) -> None:
        """Disconnect the client; the second time nothing happens."""
        self._disconnect()
