"""Schema 2 of a contract: schema 1 is read and upgraded, and every digest of before goes on to hold."""

import hashlib
import json

import pytest
import yaml

from gato_ros.cli import contract
from gato_ros.core.errors import SetupError
from gato_ros.embodiments import Embodiment, load_embodiment
from gato_ros.embodiments.contract import FOLDER
from gato_ros.embodiments.privileged import with_privileged
from gato_ros.embodiments.versions.upgrade import upgraded
from gato_ros.embodiments.versions.yaml_text import yaml_text

# Taken from the last version that knew schema 1 only.
DIGESTS = {
    "sawyer_rgb_stacking": (
        "f0eb3eb7d56d4cb5772b0276a4204a3be2f8e938fe8e10a6a8ecea4a6f3ec831",
        "c8379d55353f256b43c4e80d3edcbd1c17d64bc64e7464df7da7f18e00b6929a",
    ),
    "panda_rgb_stacking": (
        "c7ce42f21d44f02995cc2949f0d3c5813f1bd2f05f2ce645c325e973454d7fab",
        "a2974ce1b1c2a1090428eff9da235486163df9e45dd07855d5b9afbf88fecf16",
    ),
    "sawyer_rgb_stacking_told": (
        "22a5202a6a0fdf83447a9793ccffe95fb64970151bc24edb8bc1d59c2516d0cc",
        "ab0e72ed45796cb976af3fd68123c91e470605421da56a6367e188803a4f83fa",
    ),
}
PRIVILEGED_DIGEST = "e62551539f8c6f2db09b78bd87c69ac8437d7c69103d05533d33ce8c15820e3e"
POLICY_CONTRACT_SHA256 = "520c99a00f9a83801d389ac3fd7ed06394df1b4287a0ad718f49866fc818eefc"
"""Of the Sawyer's, for all of its observations: what weights are compared with."""


def written(tmp_path, text: str):
    path = tmp_path / "robot.yaml"
    path.write_text(text)
    return path


def extended(tmp_path, **changes):
    content = {"extends": "sawyer_rgb_stacking", "name": "robot", **changes}
    return load_embodiment(written(tmp_path, yaml.safe_dump(content)))


@pytest.mark.parametrize("name", DIGESTS)
def test_shipped_contracts_keep_the_digests_of_schema_1(name):
    robot = load_embodiment(name)
    assert (robot.digest, robot.guard_digest) == DIGESTS[name] and robot.schema_ == 2


def test_weights_and_controls_keep_what_they_compare():
    robot = load_embodiment()
    text = json.dumps(robot.policy_contract(robot.observation_keys), sort_keys=True)
    assert hashlib.sha256(text.encode()).hexdigest() == POLICY_CONTRACT_SHA256
    assert with_privileged(robot).digest == PRIVILEGED_DIGEST


@pytest.mark.parametrize("name", DIGESTS)
def test_what_upgrade_prints_reads_as_the_same_contract(name, tmp_path, capsys):
    result = contract.run(contract.Options(name, upgrade=True))
    text, robot = capsys.readouterr().out, load_embodiment(name)
    again = load_embodiment(written(tmp_path, text))
    assert yaml.safe_load(text)["schema"] == 2 and "extends" not in text and result["yaml"] == text
    assert (
        (again.digest, again.guard_digest) == (robot.digest, robot.guard_digest) == (result["digest"], DIGESTS[name][1])
    )
    assert again.model_dump() == robot.model_dump()
    assert yaml_text(again) == text, "upgraded again it does not change"


def test_a_recording_of_before_brings_a_contract_that_is_read():
    """Recordings hold their contract as plain values, of the schema of their time."""
    before = json.loads(json.dumps(yaml.safe_load((FOLDER / "panda_rgb_stacking.yaml").read_text())))
    assert before["schema"] == 1
    assert Embodiment.model_validate(upgraded(before)).digest == DIGESTS["panda_rgb_stacking"][0]
    now = load_embodiment("panda_rgb_stacking").model_dump(mode="json", by_alias=True)
    assert Embodiment.model_validate(upgraded(now)).digest == DIGESTS["panda_rgb_stacking"][0]


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"observations": {"sawyer/pinch/pose": {"rotation": "quaternion"}}}, "rotation, line"),
        ({"wire": {"joint_states": {"align": "nearest"}}}, "wire.joint_states.align, line"),
        ({"observations": {"basket_front_left/pixels": {"quality": "sensor"}}}, "a key of schema 2"),
        ({"schema": 3}, "a newer contract needs a newer gato_ros"),
        ({"schema": "two"}, "write a whole number"),
        ({"schema": True}, "expected schema: 1 or 2"),
        ({"schema": 2, "observations": {"sawyer/tcp/pose": {"rotation": None}}}, "rotation"),
    ],
)
def test_a_key_out_of_its_schema_is_refused(tmp_path, changes, said):
    with pytest.raises(SetupError) as error:
        extended(tmp_path, **changes)
    assert said in str(error.value) and "\n" not in str(error.value)


def test_schema_2_states_what_schema_1_implied(tmp_path):
    text = yaml.safe_load(yaml_text(load_embodiment()))
    text["urdf"] = str(FOLDER / text["urdf"])
    load_embodiment(written(tmp_path, yaml.safe_dump(text)))
    for section, key, name in (
        ("observations", "basket_front_left/pixels", "align"),
        ("observations", "basket_front_left/pixels", "quality"),
        ("observations", "sawyer/pinch/pose", "rotation"),
        ("wire", "joint_states", "timeline"),
    ):
        less = json.loads(json.dumps(text))
        del less[section][key][name]
        with pytest.raises(SetupError, match=name):
            load_embodiment(written(tmp_path, yaml.safe_dump(less)))


def test_an_extension_may_be_of_a_newer_schema_than_its_base(tmp_path):
    told = extended(
        tmp_path,
        schema=2,
        observations={"task/text": {"kind": "text", "source": "task", "size_bytes": 64, "tokens": 12}},
    )
    assert told.policy_contract(["gripper/opening"]) == load_embodiment().policy_contract(["gripper/opening"])
