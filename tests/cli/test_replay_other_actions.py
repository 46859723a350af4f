"""`replay` of robots whose action is no vx vy vz wz; tests/ros/test_incident_other_actions.py has real nodes."""

import json
import zlib
from dataclasses import replace

import cv2
import numpy as np
import pytest
from builtin_interfaces.msg import Time
from geometry_msgs.msg import TwistStamped

from gato_ros.bench.guard.variants import variant
from gato_ros.cli import main
from gato_ros.core.action import Action
from gato_ros.core.arm_action import ArmAction
from gato_ros.core.guard.arbiter import HUMAN, POLICY
from gato_ros.core.guard.following.twist import COMPONENTS
from gato_ros.core.guard.neighbours.neighbour import NeighbourState
from gato_ros.core.observation import Observation
from gato_ros.core.records.exact_json import encode
from gato_ros.core.records.journal import Journaled
from gato_ros.core.timing.freshness import Instant
from gato_ros.data import messages
from gato_ros.data.incidents.incident import Topic, write_incident
from gato_ros.data.incidents.message_ring import Kept
from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.actions.hold import hold_policy
from gato_ros.embodiments.guard import make_guard
from gato_ros.embodiments.kinematics import Kinematics
from gato_ros.embodiments.pictures.reader import PictureReader
from gato_ros.embodiments.versions.yaml_text import yaml_text
from gato_ros.nodes.guard.proposal_pair import ProposalPair
from gato_ros.nodes.messages.proposal import policy_messages, proposal_messages
from gato_ros.nodes.recorder.raw_topics import recorded
from gato_ros.nodes.recorder.step_action import proposal_roles, proposal_values

START_NS = 1_700_000_000_000_000_000
SAWYER, UR5E, SO101 = (
    load_embodiment(name) for name in ("sawyer_rgb_stacking", "ur5e_rgb_stacking", "so101_rgb_stacking")
)


def by_joint(robot):
    """With a gripper that is commanded by its joint's angle, and proposed as an opening."""
    part = robot.gripper_part.model_copy(update={"by": "joint_position", "units": ["rad"], "upper": [0.8]})
    gripper = robot.gripper.model_copy(update={"joint_range_rad": (0.8, 0.0)})
    return robot.model_copy(update={"actions": {**robot.actions, "gripper": part}, "gripper": gripper})


ROBOTS = {
    "ur5e": UR5E,
    "so101": SO101,
    "pair": load_embodiment("sawyer_pair_left"),
    "by_joint": by_joint(variant(SAWYER, "joint_velocity")),
    "tool_twist": variant(SAWYER, "twist_tool"),
}


def topics_of(robot) -> dict[str, Topic]:
    """As incident_node keeps them."""
    values = proposal_values(robot)
    found = {}
    for role, key, name, kind, _ in recorded(robot):
        full = name if name.startswith("/") else f"/{robot.wire.namespace}/{name}"
        message_type = f"{kind.__module__.split('.')[0]}/msg/{kind.__name__}"
        found[full] = Topic(full, message_type, role, key, values.get(role, ()))
    return found


def on_wire(message, stamp_ns) -> memoryview:
    """As the middleware has it; rclpy's own serialisation leaves bytes behind the end."""
    if isinstance(message, TwistStamped):
        linear, angular = message.twist.linear, message.twist.angular
        values = np.array([linear.x, linear.y, linear.z, angular.x, angular.y, angular.z])
        return messages.twist_stamped(values, stamp_ns, message.header.frame_id, COMPONENTS)
    position, velocity = (list(values) or None for values in (message.position, message.velocity))
    return messages.joint_state(message.name, stamp_ns, position, velocity)


class Loop:
    """A policy that moves to and fro, a person who takes over, a guard that is stopped; and what is on the wire."""

    def __init__(self, robot, change=lambda role, index, data: data):
        self.robot, self._change, self.kept, self._counts = robot, change, [], {}
        self.topics = topics_of(robot)
        self._names = {topic.role: name for name, topic in self.topics.items() if not topic.key}
        self.guard, self._kinematics = Journaled(make_guard(robot)), Kinematics(robot)
        self._pairs = {source: ProposalPair(source, robot) for source in (HUMAN, POLICY)}
        self._q = np.array(robot.arm.posture_rad)

    def put(self, role, stamp_ns, data) -> None:
        index = self._counts[role] = self._counts.get(role, -1) + 1
        self.kept.append(Kept(0.0, stamp_ns, self._names[role], bytes(self._change(role, index, bytes(data)))))

    def action(self, step: int) -> Action:
        robot, part = self.robot, self.robot.arm_part
        middle, swing = (self._q if part.standstill is None else 0.0), 0.02 * np.where(step % 4 < 2, 1.0, -1.0)
        values = middle + swing * np.ones(len(part.lower))
        if robot.usual_actions:
            return ArmAction(values, 0.02)
        return Action({robot.arm_key: values, robot.gripper_key: robot.gripper_part.upper[0] / 3})

    def propose(self, source, stamp_ns, step) -> None:
        stamp = Time(sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9)
        by_hand = ArmAction(np.array([0.01, 0.0, 0.01, 0.1]), 0.03)
        if source == HUMAN:
            arm, gripper = proposal_messages(self.robot, by_hand, stamp)
        else:
            arm, gripper = policy_messages(self.robot, self.action(step), stamp)
        self._pairs[source].on_twist(arm)
        self._pairs[source].on_gripper(gripper)
        for role, message in zip(proposal_roles(self.robot)[source], (arm, gripper), strict=True):
            self.put(role, stamp_ns, on_wire(message, stamp_ns))

    def newest(self, source):
        """The last proposal of that source, as the guard received it."""
        return self._pairs[source].newest

    def beside(self, now: Instant):
        """Another arm, far away, where the contract names one."""
        if not self.robot.guard_neighbours:
            return ()
        capsules = len(self.robot.guard.clearance.capsules)
        ends = np.full((capsules, 2, 3), 5.0)
        return ({name: NeighbourState(ends, now.clock_s, now.steady_s) for name in self.robot.guard_neighbours},)

    def run(self, ticks=60):
        for tick in range(ticks):
            stamp_ns = START_NS + tick * 10_000_000
            clock_s, steady_s = stamp_ns // 10**9 + stamp_ns % 10**9 * 1e-9, 10 + 0.01 * tick
            if tick % 5 == 0:
                self.propose(HUMAN if 20 <= tick < 30 else POLICY, stamp_ns, tick // 5)
            proposals = {
                source: pair.newest and replace(pair.newest, received_s=10 + (pair.newest.stamp_s - START_NS / 1e9))
                for source, pair in self._pairs.items()
            }
            now = Instant(steady_s + 2e-6, clock_s)
            state = self._kinematics.state(self._q, np.zeros_like(self._q), clock_s, steady_s)
            if tick == 2:
                assert self.guard.reset(state, now, *self.beside(now)) is None
            if tick == ticks - 10:
                self.guard.emergency_stop(True)
            command, _ = self.guard.step(proposals, state, now, *self.beside(now))
            velocity = messages.joint_state(self.robot.arm.joints, stamp_ns + 900_000, None, command.joint_velocity)
            self.put("arm_command", stamp_ns + 900, velocity)
            self.put("guard_journal", stamp_ns + 1000, messages.text("\n".join(self.guard.take())))
            self._q = self._q + command.joint_velocity * 0.01
        return self.kept


def replay(folder, loop, kept, *arguments):
    robot = loop.robot
    about = {
        "robot": robot.name,
        "contract_digest": robot.digest,
        "at_ns": START_NS,
        "reason": "emergency_stop",
        "span_s": 1.0,
        "lost": {},
        "crowded_out": {},
    }
    (folder / "one.mcap").unlink(missing_ok=True)
    path = write_incident(folder, "one", loop.topics, kept, about)
    with pytest.raises(SystemExit) as end:
        main(["replay", str(path), "--json", str(folder / "out.json"), *arguments])
    result = json.loads((folder / "out.json").read_text()) if end.value.code != 2 else {"layers": []}
    return end.value.code, {layer["name"]: layer for layer in result["layers"]}


@pytest.mark.parametrize("kind", ROBOTS)
def test_what_its_guard_received_and_did_is_done_again(tmp_path, kind):
    loop = Loop(ROBOTS[kind])
    code, layers = replay(tmp_path, loop, loop.run(), "--part", "guard")
    assert code == 0, layers
    # Ten of the policy, two of a person: all that the guard was given was on the wire so.
    assert layers["handover"]["compared"] == 12 and not layers["handover"]["not_compared"]
    assert layers["verdict"]["compared"] > 55 and layers["command"]["compared"] > 55


@pytest.mark.parametrize("kind", [kind for kind in ROBOTS if kind != "pair"])
@pytest.mark.parametrize("source", [HUMAN, POLICY])
def test_one_flipped_bit_of_a_proposal_is_found(tmp_path, kind, source):
    role, loop = proposal_roles(ROBOTS[kind])[source][0], None

    def flip(at_role, index, data):
        if (at_role, index) != (role, 1):
            return data
        values, data = loop.newest(source).twist, bytearray(data)
        data[data.rindex(values[values != 0][-1].tobytes())] ^= 1
        return bytes(data)

    loop = Loop(ROBOTS[kind], flip)
    code, layers = replay(tmp_path, loop, loop.run(), "--part", "guard")
    assert code == 1 and [name for name, one in layers.items() if one["different"]] == ["handover"]
    first = layers["handover"]["first"]
    assert layers["handover"]["different"] == 1 and first["recorded"] != first["replayed"]


def test_a_proposal_that_is_not_finite_is_compared_too(tmp_path):
    def spoil(role, index, data):
        return data.replace(np.float64(0.02).tobytes(), np.float64("nan").tobytes()) if index == 1 else data

    loop = Loop(UR5E, lambda role, *rest: spoil(role, *rest) if role == "proposal_arm" else rest[-1])
    code, layers = replay(tmp_path, loop, loop.run(), "--part", "guard")
    assert code == 1 and layers["handover"]["compared"] == 12 and "nan" in layers["handover"]["first"]["recorded"]


def test_a_file_that_does_not_say_where_its_values_are_is_still_replayed(tmp_path):
    """As such incidents were before it was said."""
    loop = Loop(SO101)
    loop.topics = {name: replace(topic, values=()) for name, topic in loop.topics.items()}
    code, layers = replay(tmp_path, loop, loop.run(), "--part", "guard")
    assert code == 0 and not layers["handover"]["compared"] and layers["verdict"]["compared"] > 55
    assert layers["handover"]["not_compared"] == {"the proposal is not in the recording": 12}


def journal_entry(robot, step, observation_stamp_s, action, stamp_ns, where):
    about = {
        "policy": "hold",
        "weights": "",
        "precision": "",
        "embodiment": where,
        "contract": robot.digest,
        "versions": {},
        "prompt": None,
    }
    return {
        "n": step,
        "since_reset": step,
        "ticks": 0,
        "sources": {"joint_states": observation_stamp_s, "gripper_states": observation_stamp_s},
        "texts": {},
        "ids": None,
        "action_ids": None,
        "action": encode(action.as_vector()),
        "stamp_ns": stamp_ns,
        "failure": None,
        "about": about,
    }


@pytest.mark.parametrize("kind", ["ur5e", "so101", "by_joint"])
@pytest.mark.parametrize("first", [0, 3])
def test_a_policy_that_stands_proposes_the_same_again(tmp_path, capsys, kind, first):
    """One that stands by joint positions knows where since its reset: what came before the recording is not judged."""
    robot, policy, loop = ROBOTS[kind], hold_policy(ROBOTS[kind]), Loop(ROBOTS[kind])
    if kind == "by_joint":
        (tmp_path / "mine.yaml").write_text(yaml_text(robot))
        (tmp_path / robot.urdf).write_bytes(robot.urdf_path.read_bytes())
    where = str(tmp_path / "mine.yaml") if kind == "by_joint" else robot.name
    for step in range(6):
        stamp_ns = START_NS + step * 50_000_000
        stamp_s = stamp_ns // 10**9 + stamp_ns % 10**9 * 1e-9
        q = np.array(robot.arm.posture_rad) + 1e-3 * step
        values = {robot.key_of("joint_position"): q.astype(np.float32), "gripper/opening": np.array([0.01], np.float32)}
        action = policy.act(Observation({key: values[key] for key in policy.observation_keys}, stamp_s)).action
        stamp = Time(sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9)
        if step < first:
            continue
        loop.put("joints", stamp_ns, messages.joint_state(robot.arm.joints, stamp_ns, q, np.zeros_like(q)))
        store = messages.typestore()
        gripper = store.types[messages.JOINT_STATE](
            header=messages._header(stamp_ns, ""),
            name=[robot.gripper.joint],
            position=np.array([0.01]),
            velocity=np.zeros(0),
            effort=np.zeros(1),
        )
        loop.put("gripper", stamp_ns, store.serialize_cdr(gripper, messages.JOINT_STATE))
        for role, message in zip(proposal_roles(robot)[POLICY], policy_messages(robot, action, stamp), strict=True):
            loop.put(role, stamp_ns, on_wire(message, stamp_ns))
        entry = journal_entry(robot, step, stamp_s, action, stamp_ns, where)
        loop.put("policy_journal", stamp_ns, messages.text(json.dumps(entry)))
    code, layers = replay(tmp_path, loop, loop.kept, "--part", "policy")
    if kind == "so101" and first:
        assert code == 2 and "3" in (said := capsys.readouterr().err) and "remembers steps from before" in said
    else:
        assert code == 0 and layers["proposal"]["compared"] == 6 - first, layers


def test_joint_positions_of_weights_are_computed_again(tmp_path):
    """Two cameras with JPEG, the tokeniser, the model, and what was sent."""
    import jax

    from gato_ros.models.layout import token_layout
    from gato_ros.models.parameters import parameter_shapes
    from gato_ros.models.presets import PRESETS
    from gato_ros.models.serving.policy import GatoPolicy
    from gato_ros.models.weights import save_weights

    rng, angle = np.random.default_rng(0), "so101/joints/angle"
    config = replace(PRESETS["debug"], observation_keys=(*SO101.image_keys, angle))
    shapes = parameter_shapes(config, token_layout(SO101.spec, config))
    weights = jax.tree.map(lambda leaf: 0.1 * rng.standard_normal(leaf.shape, np.float32), shapes)
    save_weights(tmp_path / "weights", weights, config, SO101)
    policy, loop, store = GatoPolicy.from_directory(tmp_path / "weights", SO101), Loop(SO101), messages.typestore()
    names = {topic.key: name for name, topic in loop.topics.items() if topic.role == "image"}
    compressed = "sensor_msgs/msg/CompressedImage"
    for step in range(3):
        stamp_ns = START_NS + step * 50_000_000
        stamp_s, q = stamp_ns // 10**9 + stamp_ns % 10**9 * 1e-9, np.array(SO101.arm.posture_rad) + 1e-3 * step
        values = {angle: q.astype(np.float32)}
        for key, name in names.items():
            data = cv2.imencode(".jpg", rng.integers(0, 256, (480, 640, 3), dtype=np.uint8))[1].ravel()
            message = store.types[compressed](header=messages._header(stamp_ns, ""), format="jpeg", data=data)
            values[key] = PictureReader(SO101.observations[key]).picture(message)
            loop.kept.append(Kept(0.0, stamp_ns, name, bytes(store.serialize_cdr(message, compressed))))
        decision = policy.act(Observation(values, stamp_s))
        stamp = Time(sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9)
        loop.put("joints", stamp_ns, messages.joint_state(SO101.arm.joints, stamp_ns, q, np.zeros_like(q)))
        sent = policy_messages(SO101, decision.action, stamp)
        for role, message in zip(proposal_roles(SO101)[POLICY], sent, strict=True):
            loop.put(role, stamp_ns, on_wire(message, stamp_ns))
        entry = journal_entry(SO101, step, stamp_s, decision.action, stamp_ns, SO101.name)
        entry["sources"] = {"joint_states": stamp_s, **dict.fromkeys(names, stamp_s)}
        entry["about"] |= {"policy": str(tmp_path / "weights"), "weights": policy.info.digest}
        entry |= {
            "ticks": policy.ticks,
            "ids": decision.trace.tokens.ids.tolist(),
            "action_ids": decision.trace.ids.tolist(),
            "patches_crc32": zlib.crc32(decision.trace.tokens.patches.tobytes()),
        }
        loop.put("policy_journal", stamp_ns, messages.text(json.dumps(entry)))
    code, layers = replay(tmp_path, loop, loop.kept, "--part", "policy")
    assert code == 0 and layers["tokens"]["compared"] == layers["proposal"]["compared"] == 3, layers
