import json

import numpy as np
import pytest

from gato_ros.core.arm_action import ArmAction
from gato_ros.core.observation import Observation
from gato_ros.data import messages
from gato_ros.data.episodes.episode import EpisodeWriter
from gato_ros.data.episodes.statistics import describe, read_figures
from tests.data.recordings import FACTS, OPERATED, ROBOT, observation, write

HOLD = ArmAction(np.zeros(4), 0.0)


def test_rates_losses_sources_and_ages_are_those_of_the_recording(tmp_path):
    states = [
        ("/joint_states", messages.JOINT_STATE, messages.joint_state(ROBOT.arm.joints, ns, np.zeros(7)), ns)
        for ns in range(0, 2_000_000_000, 10_000_000)
        if ns not in (500_000_000, 510_000_000)
    ]
    path = write(
        tmp_path,
        steps=[step for step in range(40) if step != 7],
        facts=OPERATED,
        raw=states,
        source=lambda step: "human" if step < 10 else "policy",
    )
    found = describe([read_figures(path)])
    assert (found["steps"], found["rate_hz"], found["lost_ticks"]) == (39, 20.0, 1)
    assert found["tick_ms"] == {"p50": 50.0, "p99": pytest.approx(81.5), "max": 100.0}
    assert found["sources"] == {"human": 9, "policy": 30}
    assert found["sensors"]["/joint_states"]["lost"] == 2 and found["sensors"]["/joint_states"]["rate_hz"] == 100.0
    assert found["age_ms"]["gripper/opening"]["max"] == 10.0 and found["skew_ms"]["max"] == 0.0
    json.dumps(found, allow_nan=False)


def test_values_out_of_the_contracts_range_and_far_actions_are_counted(tmp_path):
    with EpisodeWriter(tmp_path, "one", ROBOT, FACTS) as writer:
        for step in range(10):
            values = {
                "gripper/opening": np.array([0.2 if step < 3 else 0.085], np.float32),
                "sawyer/joints/angle": np.zeros(7, np.float32),
            }
            twist = np.array([0.14 if step == 0 else 0.07, 0.01 * step, 0, np.nan if step == 5 else 0])
            writer.add(step, Observation(values, step / 20), ArmAction(twist, 0.0), ArmAction(np.zeros(4), 0.0))
        path = writer.close({})
    found = describe([read_figures(path)])
    assert found["out_of_range"] == {"gripper/opening": {"values": 10, "outside": [3], "share": 0.3}}
    assert found["actions"]["vx"]["at_bounds"] == 1.0 and found["actions"]["vx"]["beyond_bounds"] == 0.1
    assert found["actions"]["vy"]["max"] == pytest.approx(0.09) and found["actions"]["vy"]["beyond_bounds"] == 0.2
    assert found["actions"]["wz"]["not_finite"] == 1 and sum(found["actions"]["vz"]["histogram"]["counts"]) == 10
    json.dumps(found, allow_nan=False)


def test_skew_is_what_lies_between_the_stamps_of_a_step_and_pictures_served_twice_are_counted(tmp_path):
    still = observation(0)
    with EpisodeWriter(tmp_path, "one", ROBOT, FACTS) as writer:
        for step in range(4):
            writer.add(step, Observation(still.values, step / 20), HOLD, HOLD)
        late = messages.joint_state(["late"], 30_000_000, np.zeros(1))
        writer._file.add("late/joint_states", messages.JOINT_STATE, late, 0, 0, {"role": "state"})
        path = writer.close({})
    found = describe([read_figures(path)])
    assert found["skew_ms"]["max"] == 30.0 and found["repeated_images"]["basket_front_left/pixels"] == 3
    moving = describe([read_figures(write(tmp_path, "two"))])
    assert moving["repeated_images"]["basket_front_left/pixels"] == 0


def test_several_episodes_add_up(tmp_path):
    parts = [read_figures(write(tmp_path, name, range(length))) for name, length in (("a", 5), ("b", 7))]
    found = describe(parts)
    assert (found["episodes"], found["steps"], found["seconds"]) == (2, 12, 0.5)
    assert found["images"] == dict.fromkeys(ROBOT.image_keys, 12) and found["sources"] == {"expert": 12}
