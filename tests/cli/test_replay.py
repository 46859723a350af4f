"""`replay` on incidents made here; tests/ros/test_incident_node.py replays what real nodes recorded."""

import json
import zlib

import numpy as np
import pytest

from gato_ros.cli import main
from gato_ros.core.guard.proposal import Proposal
from gato_ros.core.records.exact_json import encode
from gato_ros.core.records.journal import Journaled
from gato_ros.core.timing.freshness import Instant
from gato_ros.data import messages
from gato_ros.data.incidents.incident import Topic, write_incident
from gato_ros.data.incidents.message_ring import Kept
from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.guard import make_guard
from gato_ros.embodiments.kinematics import Kinematics

ROBOT = load_embodiment()
KINEMATICS = Kinematics(ROBOT)
START_NS = 1_700_000_000_000_000_000
STRING = "std_msgs/msg/String"
TOPICS = {
    f"/{role}": Topic(f"/{role}", kind, role)
    for role, kind in (
        ("guard_journal", STRING),
        ("policy_journal", STRING),
        ("proposal_twist", messages.TWIST),
        ("proposal_gripper", messages.JOINT_STATE),
        ("arm_command", messages.JOINT_STATE),
        ("gripper", messages.JOINT_STATE),
    )
}
TOPICS["/image"] = Topic("/image", messages.IMAGE, "image", "basket_front_left/pixels")
ABOUT = {
    "robot": ROBOT.name,
    "contract_digest": ROBOT.digest,
    "at_ns": START_NS,
    "reason": "emergency_stop",
    "span_s": 1.0,
    "lost": {"/guard_journal": 3},
    "crowded_out": {},
}


def string(text: str) -> bytes:
    store = messages.typestore()
    return bytes(store.serialize_cdr(store.types[STRING](data=text), STRING))


def recorded(ticks=60, change=lambda role, index, data: data):
    """A guard that follows and is stopped, and what went over the wire meanwhile."""
    guard = Journaled(make_guard(ROBOT))
    q, kept, counts = np.array(ROBOT.arm.posture_rad), [], {}

    def put(role: str, stamp_ns: int, data) -> None:
        index = counts[role] = counts.get(role, -1) + 1
        kept.append(Kept(0.0, stamp_ns, f"/{role}", bytes(change(role, index, bytes(data)))))

    for tick in range(ticks):
        stamp_ns = START_NS + tick * 10_000_000
        clock_s = stamp_ns // 10**9 + stamp_ns % 10**9 * 1e-9
        now = Instant(10 + 0.01 * tick, clock_s)
        state = KINEMATICS.state(q, np.zeros(7), clock_s, now.steady_s)
        if tick == 2:
            guard.reset(state, now)
        if tick == ticks - 20:
            guard.emergency_stop(True)
        if tick % 5 == 0:
            twist = np.array([0.03, 0.01 * (tick % 3), 0.0, 0.2])
            proposal = Proposal(twist, 0.05, clock_s, now.steady_s + 1e-6)
            put("proposal_twist", stamp_ns, messages.twist_stamped(twist, stamp_ns, "base"))
            put("proposal_gripper", stamp_ns, messages.joint_state(["gripper"], stamp_ns, [0.05]))
        command, _ = guard.step(proposal, state, Instant(now.steady_s + 2e-6, clock_s))
        put(
            "arm_command",
            stamp_ns + 900,
            messages.joint_state(ROBOT.arm.joints, stamp_ns + 900_000, None, command.joint_velocity),
        )
        put("guard_journal", stamp_ns + 1000, string("\n".join(guard.take())))
        q = q + command.joint_velocity * 0.01
    return kept


def replay(folder, *arguments, kept=None, about=None):
    (folder / "one.mcap").unlink(missing_ok=True)
    path = write_incident(folder, "one", TOPICS, recorded() if kept is None else kept, {**ABOUT, **(about or {})})
    with pytest.raises(SystemExit) as end:
        main(["replay", str(path), "--json", str(folder / "out.json"), *arguments])
    if end.value.code == 2:
        return 2, {}
    result = json.loads((folder / "out.json").read_text())
    return end.value.code, {layer["name"]: layer for layer in result["layers"]}


def test_what_a_guard_did_is_done_again_without_a_difference(tmp_path, capsys):
    code, layers = replay(tmp_path)
    assert code == 0
    assert layers["verdict"]["compared"] > 55 and layers["verdict"]["not_compared"] == {
        "the guard's state is not known yet": 1
    }
    assert layers["handover"]["compared"] == 12 and layers["command"]["compared"] > 55
    shown = capsys.readouterr().out
    assert "no difference" in shown and "3 messages of /guard_journal were lost on the way" in shown
    assert "no step of a policy was recorded" in shown


@pytest.mark.parametrize(
    "role, index, place, layer",
    [
        ("arm_command", 20, -20, "command"),
        ("proposal_twist", 3, -48, "handover"),
        ("proposal_gripper", 3, -9, "handover"),
    ],
)
def test_one_flipped_bit_on_the_wire_is_found_in_its_layer(tmp_path, role, index, place, layer):
    def flip(at_role, at_index, data):
        if (at_role, at_index) != (role, index):
            return data
        data = bytearray(data)
        data[place] ^= 1
        return data

    code, layers = replay(tmp_path, "--part", "guard", kept=recorded(change=flip))
    assert code == 1 and [name for name, one in layers.items() if one["different"]] == [layer]
    first = layers[layer]["first"]
    assert layers[layer]["different"] == 1 and first["recorded"] != first["replayed"]


def test_a_command_of_somebody_else_is_found(tmp_path):
    kept = recorded()
    place = next(i for i, one in enumerate(kept) if one.topic == "/arm_command" and i > 60)
    stamp_ns = kept[place].stamp_ns
    rogue = messages.joint_state(ROBOT.arm.joints, stamp_ns + 1_000_000, None, np.full(7, 0.5))
    kept.insert(place, kept[place]._replace(data=bytes(rogue)))
    code, layers = replay(tmp_path, kept=kept)
    assert code == 1 and layers["command"]["different"] == 1 and "0.5" in layers["command"]["first"]["recorded"]


def test_another_verdict_is_found_by_its_name(tmp_path):
    def alter(role, index, data):
        at = (role, index) == ("guard_journal", 45)
        return data.replace(b'"value": "latched"', b'"value": "limited"') if at else data

    code, layers = replay(tmp_path, kept=recorded(change=alter))
    first = layers["verdict"]["first"]
    assert code == 1 and first["where"].startswith("step.1.level") and first["at_s"] == pytest.approx(0.45)


def test_an_incident_without_journals_says_nothing_and_is_no_success(tmp_path, capsys):
    kept = [one for one in recorded() if "journal" not in one.topic]
    assert replay(tmp_path, kept=kept)[0] == 2 and "something to compare" in capsys.readouterr().err


def test_a_journal_of_another_version_is_refused_in_one_line(tmp_path, capsys):
    def alter(role, index, data):
        return data.replace(b"core.guard:Guard", b"core.guard:Gward") if role == "guard_journal" else data

    assert replay(tmp_path, kept=recorded(change=alter))[0] == 2
    assert "another version" in capsys.readouterr().err


def test_a_file_that_is_no_incident_is_refused(tmp_path, capsys):
    (tmp_path / "x.mcap").write_bytes(b"nothing")
    with pytest.raises(SystemExit, match="2"):
        main(["replay", str(tmp_path / "x.mcap")])
    assert "not an MCAP file" in capsys.readouterr().err


@pytest.mark.parametrize(
    "who, complaint",
    [
        ({"contract": "0" * 64}, "the contract of the recording, sha256 000000000000"),
        ({"weights": "1" * 64}, "the policy of the recording, sha256 111111111111"),
    ],
)
def test_another_contract_or_policy_is_refused_unless_requested(tmp_path, capsys, who, complaint):
    about = {
        "policy": "hold",
        "weights": "",
        "precision": "",
        "embodiment": ROBOT.name,
        "contract": ROBOT.digest,
        "versions": {},
        "prompt": None,
        **who,
    }
    entry = {
        "n": 1,
        "since_reset": 0,
        "ticks": 0,
        "sources": {},
        "texts": {},
        "ids": None,
        "action_ids": None,
        "action": None,
        "stamp_ns": None,
        "failure": "x",
        "about": about,
    }
    kept = [*recorded(), Kept(0.0, START_NS, "/policy_journal", string(json.dumps(entry)))]
    assert replay(tmp_path, kept=kept)[0] == 2
    assert complaint in capsys.readouterr().err
    code, layers = replay(tmp_path, "--anyway", kept=kept)
    assert code == 0 and "differ on purpose" in capsys.readouterr().out
    assert layers["proposal"]["not_compared"] == {"an input of the step was not recorded, or not used": 1}


def sensed(step: int):
    """An image and a gripper state as they lie in the file, with their stamps [ns], and what a policy sees in them."""
    store, stamp_ns = messages.typestore(), START_NS + step * 50_000_000
    pixels = np.random.default_rng(step).integers(0, 256, (128, 128, 3), np.uint8)
    gripper = store.types[messages.JOINT_STATE](
        header=messages._header(stamp_ns, ""),
        name=["gripper"],
        position=np.array([0.001 * (step % 80)]),
        velocity=np.zeros(0),
        effort=np.array([5.0 * (step % 2)]),
    )
    values = {
        "basket_front_left/pixels": pixels,
        "gripper/opening": np.float32(gripper.position),
        "gripper/grasp": np.array([step % 2], np.float32),
    }
    return stamp_ns, messages.image(pixels, stamp_ns, ""), store.serialize_cdr(gripper, messages.JOINT_STATE), values


def test_a_memory_from_before_the_recording_is_filled_before_it_is_judged(tmp_path, capsys):
    import jax

    from gato_ros.core.observation import Observation
    from gato_ros.models.layout import token_layout
    from gato_ros.models.parameters import parameter_shapes
    from gato_ros.models.presets import PRESETS
    from gato_ros.models.serving.policy import GatoPolicy
    from gato_ros.models.weights import save_weights

    config = PRESETS["debug"]
    shapes = parameter_shapes(config, token_layout(ROBOT.spec, config))
    for seed, name in enumerate(("weights", "other")):
        rng = np.random.default_rng(seed)
        save_weights(
            tmp_path / name,
            jax.tree.map(lambda leaf, rng=rng: 0.1 * rng.standard_normal(leaf.shape, np.float32), shapes),
            config,
            ROBOT,
        )
    policy = GatoPolicy.from_directory(tmp_path / "weights", ROBOT)
    about = {
        "policy": str(tmp_path / "weights"),
        "weights": policy.info.digest,
        "precision": "",
        "versions": {},
        "embodiment": ROBOT.name,
        "contract": ROBOT.digest,
        "prompt": None,
    }
    kept, judged = [], 4
    for step in range(7 + 2 * policy.info.reach_steps + judged):
        stamp_ns, image, gripper, values = sensed(step)
        decision = policy.act(Observation(values))
        action, trace = decision.action.as_vector(), decision.trace
        stamp_s = stamp_ns // 10**9 + stamp_ns % 10**9 * 1e-9
        entry = {
            "n": step,
            "since_reset": step,
            "ticks": policy.ticks,
            "texts": {},
            "failure": None,
            "about": about,
            "sources": {"basket_front_left/pixels": stamp_s, "gripper_states": stamp_s},
            "ids": trace.tokens.ids.tolist(),
            "action_ids": trace.ids.tolist(),
            "patches_crc32": zlib.crc32(trace.tokens.patches.tobytes()),
            "stamp_ns": stamp_ns,
            "action": encode(action),
        }
        if step >= 7:  # what came before was forgotten
            kept += [
                Kept(0.0, stamp_ns, topic, bytes(data))
                for topic, data in (
                    ("/image", image),
                    ("/gripper", gripper),
                    ("/policy_journal", string(json.dumps(entry))),
                )
            ]
    code, layers = replay(tmp_path, "--part", "policy", kept=kept)
    assert code == 0 and layers["tokens"]["compared"] == 2 * policy.info.reach_steps + judged
    assert layers["proposal"]["compared"] == judged and sum(layers["proposal"]["not_compared"].values()) == 2 * (
        policy.info.reach_steps
    )
    assert replay(tmp_path, "--part", "policy", "--policy", str(tmp_path / "other"), kept=kept)[0] == 2
    code, layers = replay(tmp_path, "--part", "policy", "--policy", str(tmp_path / "other"), "--anyway", kept=kept)
    assert code == 1 and layers["proposal"]["different"] > 0 and not layers["tokens"]["different"]
    assert layers["proposal"]["compared"] == policy.info.reach_steps + judged
