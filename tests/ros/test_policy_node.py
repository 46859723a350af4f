"""policy_node over DDS: it proposes on good inputs, and on bad ones it falls silent and says why."""

from dataclasses import replace

import numpy as np
import pytest
import yaml
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import TwistStamped
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image, JointState, TimeReference
from std_msgs.msg import Float32MultiArray
from std_srvs.srv import SetBool, Trigger

from gato_ros.core.arm_action import ArmAction
from gato_ros.core.observation import Observation
from gato_ros.data.episodes.episode import EpisodeWriter
from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.contract import FOLDER
from gato_ros.models.layout import token_layout
from gato_ros.models.presets import PRESETS
from gato_ros.models.tokenizer import decode_actions
from gato_ros.models.vocabulary import PUBLISHED
from gato_ros.nodes.messages.diagnosis import values_of
from gato_ros.nodes.messages.image import message_from_rgb
from gato_ros.nodes.policy.introspection import LABELS
from gato_ros.nodes.runtime.qos import CAMERA, COMMAND, REPORT, STATE_OUT
from tests.ros.still_robot import ANGLES

ROBOT = load_embodiment()


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A tiny Gato with random weights, saved as a policy."""
    return random_weights(tmp_path_factory.mktemp("weights"), PRESETS["debug_one_pass"], ROBOT)


@pytest.fixture(scope="module")
def streaming_weights(tmp_path_factory):
    """One with a memory, that says it was trained with prompts."""
    folder, trained = tmp_path_factory.mktemp("streaming"), {"training": {"prompt_share": 0.25}}
    return random_weights(folder, PRESETS["debug"], ROBOT, trained)


def random_weights(folder, config, embodiment, extra=None, others=()):
    import jax

    from gato_ros.models.layout import token_layout
    from gato_ros.models.parameters import parameter_shapes
    from gato_ros.models.weights import save_weights

    rng = np.random.default_rng(0)
    # Not the model's own initialisation: compiling it takes longer than all these tests.
    params = jax.tree.map(
        lambda leaf: 0.1 * rng.standard_normal(leaf.shape, np.float32),
        parameter_shapes(config, token_layout(embodiment.spec, config)),
    )
    save_weights(folder, params, config, embodiment, extra, others=others)
    return folder


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """A contract with a text channel, and random weights of a policy that reads it."""
    config = replace(
        PRESETS["debug_one_pass"],
        vocabulary=PUBLISHED,
        text_rows=32000,
        observation_keys=("basket_front_left/pixels", "gripper/opening", "task/text"),
    )
    content, folder = yaml.safe_load((FOLDER / "sawyer_rgb_stacking.yaml").read_text()), tmp_path_factory.mktemp("told")
    content["observations"]["task/text"] = {"kind": "text", "source": "task", "size_bytes": 64, "tokens": 16}
    contract = folder / "sawyer_told.yaml"
    contract.write_text(yaml.safe_dump(content))
    return contract, random_weights(folder, config, load_embodiment(contract))


def record(folder, name, steps=4):
    """An episode with images at every step."""
    with EpisodeWriter(folder, name, ROBOT, {}) as writer:
        for step in range(steps):
            values = {
                key: np.full(channel.shape, step, np.uint8)
                if channel.kind == "image"
                else np.zeros(channel.shape, np.float32)
                for key, channel in ROBOT.observations.items()
            }
            action = ArmAction(np.full(4, 0.01 * step), 0.085)
            writer.add(step, Observation(values, 0.05 * (step + 1)), action, action)
        return writer.close({"success": True})


class Scene:
    """policy_node, and a robot played by the probe."""

    def __init__(self, processes, probe, weights, *arguments):
        self.probe = probe
        self.proposals = probe.listen(TwistStamped, ROBOT.wire.proposal_twist, COMMAND)
        self.grippers = probe.listen(JointState, ROBOT.wire.proposal_gripper, COMMAND)
        self.timing = probe.listen(TimeReference, "policy_node/timing", REPORT)
        self.status = probe.listen(DiagnosticStatus, "policy_node/status", REPORT)
        self.thoughts = probe.listen(Float32MultiArray, "policy_node/introspection", REPORT)
        self.cameras = {
            key: probe.node.create_publisher(Image, ROBOT.observations[key].topic, CAMERA) for key in ROBOT.image_keys
        }
        self.joints = probe.node.create_publisher(JointState, ROBOT.wire.joint_states.topic, STATE_OUT)
        self.gripper = probe.node.create_publisher(JointState, ROBOT.wire.gripper_states.topic, STATE_OUT)
        self.node = processes.node("policy_node", "-p", f'policy:="{weights}"', *arguments)
        self.size, self.without, self.angle, self.noise = 128, (), 0.0, np.random.default_rng(1)
        probe.wait(lambda: self.status, "the policy's status", 60.0)

    def sense(self) -> None:
        stamp = self.probe.stamp()
        for key, publisher in self.cameras.items():
            if key not in self.without:
                picture = self.noise.integers(0, 256, (self.size, self.size, 3), np.uint8)
                message = message_from_rgb(picture, ROBOT.observations[key].frame_id)
                message.header.stamp = stamp
                publisher.publish(message)
        joints = JointState(name=ROBOT.arm.joints, position=[a + self.angle for a in ANGLES], velocity=[0.0] * 7)
        gripper = JointState(name=["gripper"], position=[0.05], effort=[0.0])
        joints.header.stamp = gripper.header.stamp = stamp
        self.joints.publish(joints)
        self.gripper.publish(gripper)

    def sense_until(self, done, what: str) -> None:
        self.probe.wait(done, what, meanwhile=self.sense, every_s=0.03)

    def said(self) -> str:
        message = self.status[-1][1]
        return f"{message.message} {values_of(message)['last_refusal']}"

    def thought(self) -> dict[str, np.ndarray]:
        """The newest introspection, part by part; the prompt's label has nothing in it."""
        message = self.thoughts[-1][1]
        ends = np.cumsum([part.size for part in message.layout.dim])
        assert ends[-1] == len(message.data)
        return {
            part.label: np.array(message.data[end - part.size : end]) for part, end in zip(message.layout.dim, ends)
        }

    def proposals_in(self, seconds: float) -> int:
        before = len(self.proposals)
        ticks = iter(range(int(seconds / 0.03)))
        self.sense_until(lambda: next(ticks, None) is None, "time")
        return len(self.proposals) - before


def test_proposals_follow_good_inputs_and_stop_with_bad_ones(processes, probe, weights):
    scene = Scene(processes, probe, weights)

    # A camera of the wrong size: no proposal, and the reason is in the status.
    scene.size = 64
    scene.sense_until(lambda: "64x64 pixels, expected 128x128" in scene.said(), "the complaint about the size")
    assert not scene.proposals and "missing basket_front_left/pixels" in scene.said()

    # Then the right size: twist and gripper carry one stamp, in the base frame, within the contract's bounds.
    scene.size = 128
    scene.sense_until(lambda: len(scene.proposals) > 20 and len(scene.grippers) > 20, "proposals")
    twists = {(m.header.stamp.sec, m.header.stamp.nanosec): m for _, m in scene.proposals}
    pairs = [
        (twists[(m.header.stamp.sec, m.header.stamp.nanosec)], m)
        for _, m in scene.grippers
        if (m.header.stamp.sec, m.header.stamp.nanosec) in twists
    ]
    assert len(pairs) > 15
    for twist, gripper in pairs:
        linear, angular = twist.twist.linear, twist.twist.angular
        values = np.array([linear.x, linear.y, linear.z, angular.z, gripper.position[0]])
        assert twist.header.frame_id == "base" and gripper.name == ["gripper"]
        assert (values >= ROBOT.action_lower - 1e-6).all() and (values <= ROBOT.action_upper + 1e-6).all()

    # What it thought of each of them can be watched.
    thought = scene.thought()
    assert tuple(thought) == (*LABELS, "prompt: none") and not len(thought["prompt: none"])
    values = np.array([thought[label] for label in LABELS[:5]])
    assert values.shape == (5, 5) and np.isfinite(values).all()
    np.testing.assert_allclose(
        decode_actions(token_layout(ROBOT.spec, PRESETS["debug_one_pass"]), thought["token"]),
        thought["action"],
        atol=1e-6,
    )
    assert ((thought["probability"] > 0) & (thought["entropy_nat"] >= -np.log(thought["probability"]) - 1e-4)).all()
    tokens, window = thought["context_tokens"]
    assert 0 < tokens == window and (thought["latency_ms"] > 0).all() and thought["held"] == 0

    # One camera falls silent: proposals cease within its largest age and a control period.
    scene.without = ("basket_front_right/pixels",)
    scene.sense_until(lambda: "stale basket_front_right/pixels" in scene.said(), "the complaint about the camera")
    assert scene.proposals_in(1.0) == 0
    scene.without = ()
    scene.sense_until(lambda: scene.proposals_in(0.5) > 3, "proposals again")

    # Joint angles that are not numbers are refused, and soon there are no fresh ones.
    scene.angle = float("nan")
    scene.sense_until(
        lambda: "joint_states: not finite: position of right_j0" in scene.said() and "stale" in scene.said(),
        "the complaint about NaN and about joint states that are old by then",
    )
    assert scene.proposals_in(1.0) == 0


def test_it_proposes_on_request_and_a_reset_forgets_old_frames(processes, probe, weights):
    scene = Scene(processes, probe, weights, "-p", "propose_at_start:=false")
    assert scene.proposals_in(1.0) == 0
    assert probe.call(SetBool, "policy_node/propose", SetBool.Request(data=True)).success
    scene.sense_until(lambda: len(scene.timing) > 10, "proposals")
    assert probe.call(Trigger, "policy_node/reset", Trigger.Request()).success
    probe.spin(0.3)
    before = len(scene.proposals)
    probe.spin(0.5)  # nothing is sensed any more, so nothing may be proposed
    assert len(scene.proposals) == before
    scene.sense_until(lambda: len(scene.proposals) > before, "proposals from new frames")
    for _, message in scene.timing:
        proposed, observed = message.header.stamp, message.time_ref
        assert (observed.sec, observed.nanosec) < (proposed.sec, proposed.nanosec)


@pytest.mark.fault("M7")
def test_the_prompt_is_shown_and_can_be_changed_and_outlives_a_gap(processes, probe, streaming_weights, tmp_path):
    first, second = record(tmp_path, "first"), record(tmp_path, "second", 5)
    cut = tmp_path / "cut.mcap"
    cut.write_bytes(first.read_bytes()[:-100])
    cache = tmp_path / "cache"
    scene = Scene(
        processes, probe, streaming_weights, "-p", f'prompt:="{first}"', "-p", f'compilation_cache:="{cache}"'
    )
    shown = lambda: values_of(scene.status[-1][1])
    assert shown()["prompt"].startswith("first.mcap (the first 2 of 4 steps, sha256 ")
    assert any(cache.iterdir())  # compiled code for the next start
    scene.sense_until(lambda: len(scene.proposals) > 10 and scene.thoughts, "proposals")
    assert list(scene.thought())[-1].startswith("prompt: first.mcap (the first 2 of 4 steps, sha256 ")

    def reload(path, part="start"):
        parameters = [
            Parameter(name, value=value).to_parameter_msg()
            for name, value in (("prompt", str(path)), ("prompt_part", part))
        ]
        probe.call(SetParameters, "policy_node/set_parameters", SetParameters.Request(parameters=parameters))
        return probe.call(Trigger, "policy_node/reload_prompt", Trigger.Request())

    refused = reload(cut)
    assert not refused.success and "truncated" in refused.message
    taken = reload(second, "end")
    assert taken.success and "second.mcap (the last 2 of 5 steps" in taken.message
    scene.sense_until(lambda: "second.mcap" in shown().get("next_prompt", ""), "the prompt to wait for an episode")
    assert "first.mcap" in shown()["prompt"]
    assert probe.call(Trigger, "policy_node/reset", Trigger.Request()).success
    scene.sense_until(lambda: "second.mcap (the last 2 of 5" in shown()["prompt"], "the new prompt")
    assert "next_prompt" not in shown()

    # A camera that falls silent and comes back: the memory begins again, from the prompt.
    assert scene.proposals_in(2.0) > 5
    restarts = int(shown()["memory_restarts"])  # calls took time in which nothing was sensed
    scene.without = ("basket_front_left/pixels",)
    scene.sense_until(lambda: "stale" in scene.said(), "the complaint about the camera")
    scene.without = ()
    scene.sense_until(lambda: int(shown()["memory_restarts"]) > restarts, "a fresh memory")
    before = len(scene.proposals)
    scene.sense_until(lambda: len(scene.proposals) > before + 5, "proposals after the gap")
    assert "second.mcap" in shown()["prompt"] and reload("").success
    probe.call(Trigger, "policy_node/reset", Trigger.Request())
    scene.sense_until(lambda: shown()["prompt"] == "none", "the end of the prompt")


def test_a_prompt_for_weights_that_never_saw_one_is_refused_at_the_start(processes, probe, weights, tmp_path):
    episode = record(tmp_path, "first", 1)
    node = processes.node("policy_node", "-p", f'policy:="{weights}"', "-p", f'prompt:="{episode}"')
    probe.wait(lambda: node.poll() is not None, "the refusal")
    assert node.returncode == 2 and "trained with prompts" in node.log_path.read_text()


def test_a_policy_that_reads_a_task_gets_one(processes, probe, told):
    contract, folder = told
    where = ("-p", f'embodiment:="{contract}"')
    untold = processes.node("policy_node", "-p", f'policy:="{folder}"', *where)
    probe.wait(lambda: untold.poll() is not None, "the refusal")
    assert untold.returncode == 2 and "set the parameter `task`" in untold.log_path.read_text()

    scene = Scene(processes, probe, folder, *where, "-p", "task:=stack the red object on the blue one")
    scene.sense_until(lambda: len(scene.proposals) > 5, "proposals")

    def reset_with(task: str) -> Trigger.Response:
        request = SetParameters.Request(parameters=[Parameter("task", value=task).to_parameter_msg()])
        assert probe.call(SetParameters, "policy_node/set_parameters", request).results[0].successful
        return probe.call(Trigger, "policy_node/reset", Trigger.Request())

    # Too many tokens for the contract: the reset says so, and nothing is proposed for the task before.
    refused = reset_with("a b c d e f g h i j k l m n o p q r s t")
    assert not refused.success and "at most 16 tokens" in refused.message
    assert scene.proposals_in(1.0) == 0 and "at most 16 tokens" in scene.said()
    assert reset_with("stack the blue object on the green one").success
    scene.sense_until(lambda: scene.proposals_in(0.5) > 3, "proposals again")


@pytest.mark.fault("F1")
def test_missing_weights_are_refused_with_exit_code_2(processes, probe, tmp_path):
    node = processes.node("policy_node", "-p", f'policy:="{tmp_path / "nothing"}"')
    probe.wait(lambda: node.poll() is not None, "the refusal")
    assert node.returncode == 2 and "policy_node: expected" in node.log_path.read_text()


def test_in_lockstep_every_frame_gets_one_proposal(processes, probe, weights):
    timing = probe.listen(TimeReference, "policy_node/timing", REPORT)
    processes.node("sim_node", "-p", "lockstep:=true")
    processes.node("guard_node", "-p", "use_sim_time:=true", "-p", "start_armed:=true")
    processes.node("policy_node", "-p", "use_sim_time:=true", "-p", f'policy:="{weights}"')
    probe.wait(lambda: len(timing) > 30, "proposals", 90.0)
    observed = [(message.time_ref.sec, message.time_ref.nanosec) for _, message in timing]
    assert len(set(observed)) == len(observed) and sorted(observed) == observed
    assert observed[-1][0] < 1000  # simulated time, not wall time


def test_a_precision_that_is_none_is_refused_and_one_that_is_serves(processes, probe, weights):
    refused = processes.node("policy_node", "-p", f'policy:="{weights}"', "-p", "precision:=bfloat61")
    probe.wait(lambda: refused.poll() is not None, "the refusal")
    assert refused.returncode == 2 and "did you mean 'bfloat16'" in refused.log_path.read_text()
    scene = Scene(processes, probe, weights, "-p", "precision:=bfloat16_weights")
    scene.sense_until(lambda: len(scene.proposals) > 5, "proposals")
