"""Every option that takes weights takes a folder or a shipped name, and refuses all else with the same line."""

from pathlib import Path

import pytest

from gato_ros.cli import main
from gato_ros.core.errors import SetupError
from gato_ros.domains.rgb_stacking.training_model import training_model
from gato_ros.embodiments import load_embodiment
from gato_ros.models.serving.policy import GatoPolicy
from gato_ros.models.shipped import CONFIG_FILE, PARAMETERS_FILE, shipped_policies, weights_folder
from gato_ros.models.weights import load_weights, renew_checksum, weights_config
from gato_ros.training.starting_weights import starting_weights

ROBOT = load_embodiment()
WRONG = "sawyer_mastry"
VERBS = {
    "train": ["train", "--data", "DATA", "--out", "OUT", "--init", WRONG],
    "study": ["study", "few_shot", "--out", "OUT", "--init", WRONG],
    "evaluate": ["evaluate", "--policy", WRONG],
    "collect": ["collect", "--out", "OUT", "--policy", WRONG],
    "improve": ["improve", "--data", "DATA", "--out", "OUT", "--policy", WRONG],
    "chat": ["chat", "--policy", WRONG],
    "generate": ["generate", "--policy", WRONG],
    "sim": ["sim", "--out", "OUT", "--policy", WRONG],
    "seal": ["seal", WRONG],
    "bench start": ["bench", "start", "--policy", WRONG],
    "bench corrupt": ["bench", "corrupt", "--policy", WRONG],
    "bench entropy": ["bench", "entropy", "--policy", WRONG],
    "bench doctor": ["bench", "doctor", "--policy", WRONG],
    "bench record-cost": ["bench", "record-cost", "--policy", WRONG],
    "bench record-parity": ["bench", "record-parity", "--policy", WRONG],
    "doctor --robot": ["doctor", "--robot", "--policy", WRONG],
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_wrong_name_of_weights_gets_the_nearest_shipped_one(verb, tmp_path, capsys):
    paths = {"DATA": str(tmp_path), "OUT": str(tmp_path / "out")}
    with pytest.raises(SystemExit) as exit_:
        main([paths.get(argument, argument) for argument in VERBS[verb]])
    error = capsys.readouterr().err.splitlines()[-1]
    assert exit_.value.code == 2
    assert f"got '{WRONG}', no such folder; did you mean 'sawyer_mastery'?" in error
    assert not (tmp_path / "out").exists()


READERS = {
    "from_directory": lambda name: GatoPolicy.from_directory(name, ROBOT),
    "load_weights": lambda name: load_weights(name, ROBOT),
    "weights_config": weights_config,
    "renew_checksum": renew_checksum,
    "starting_weights": lambda name: starting_weights(Path(name), training_model("sawyer_small"), ROBOT),
}


@pytest.mark.parametrize("reader", sorted({*READERS} - {"renew_checksum"}))  # which would write into the package
def test_a_shipped_name_is_read_wherever_weights_are(reader, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert READERS[reader]("sawyer_mastery") is not None


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", [WRONG, "", ".", "..", "nowhere/sawyer_mastery"])
def test_what_names_no_weights_is_one_error_everywhere(reader, name):
    with pytest.raises(SetupError, match="a folder with weights .* shipped are: .*sawyer_generalization, sawyer_m"):
        READERS[reader](name)


def test_policy_node_takes_a_shipped_name():
    pytest.importorskip("rclpy")
    from gato_ros.nodes.policy_node import make_policy

    with pytest.raises(SetupError, match="a policy: hold, .* did you mean 'sawyer_mastery'"):
        make_policy(WRONG, ROBOT, "off", "")
    with pytest.raises(SetupError, match="precision"):  # the weights are found; to compile them is not the question
        make_policy("sawyer_mastery", ROBOT, "off", "float7")


def test_a_folder_comes_before_a_shipped_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "sawyer_mastery"
    own.mkdir()
    for name in (PARAMETERS_FILE, CONFIG_FILE):
        (own / name).touch()
    assert weights_folder("sawyer_mastery") == Path("sawyer_mastery")
    (own / CONFIG_FILE).unlink()
    with pytest.raises(SetupError, match=f"{CONFIG_FILE} beside {PARAMETERS_FILE}"):
        weights_folder("sawyer_mastery")


def test_the_folder_of_a_run_names_the_weights_in_it(tmp_path):
    for part in ("best", "last"):
        (tmp_path / "run" / part).mkdir(parents=True)
        (tmp_path / "run" / part / PARAMETERS_FILE).touch()
    with pytest.raises(SetupError, match=f"did you mean '{tmp_path}/run/last'"):
        weights_folder(tmp_path / "run")


def test_shipped_weights_are_found_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {folder.name for folder in shipped_policies()}
    assert names >= {"sawyer_generalization", "sawyer_mastery", "sawyer_streaming"}
    assert {weights_folder(name).name for name in names} == names
