"""Weights that try to run code when they are read, and a disk that is full when they are written."""

import hashlib
import json
import pickle
import resource
import signal
import subprocess
import sys

import pytest

from gato_ros.core.errors import SetupError
from gato_ros.core.records.checksummed_json import checksummed_text
from gato_ros.models.layout import token_layout
from gato_ros.models.presets import PRESETS
from gato_ros.models.weights import load_weights, save_weights

CONFIG = PRESETS["debug_one_pass"]


class Payload:
    """Unpickling this makes a file."""

    def __init__(self, mark: str):
        self.mark = mark

    def __reduce__(self):
        return open, (self.mark, "w")


@pytest.fixture(scope="module")
def params(embodiment, fresh):
    return fresh(CONFIG, token_layout(embodiment.spec, CONFIG))


@pytest.fixture
def saved(tmp_path, params, embodiment):
    save_weights(tmp_path / "policy", params, CONFIG, embodiment)
    return tmp_path / "policy"


@pytest.mark.fault("F2")
def test_a_pickle_in_place_of_weights_is_refused_and_does_not_run(saved, tmp_path, embodiment):
    mark = tmp_path / "ran"
    hostile = pickle.dumps(Payload(str(mark)))
    pickle.loads(hostile).close()
    assert mark.exists(), "the payload works where somebody unpickles it"
    mark.unlink()
    (saved / "params.safetensors").write_bytes(hostile)
    record = json.loads((saved / "config.json").read_text())
    # With the digest of the pickle itself and a fresh checksum, so that the reader really gets to see it.
    record["parameters"]["sha256"] = hashlib.sha256(hostile).hexdigest()
    (saved / "config.json").write_text(checksummed_text(record))
    with pytest.raises(SetupError, match="a safetensors file"):
        load_weights(saved, embodiment)
    (saved / "config.json").write_bytes(hostile)
    with pytest.raises(SetupError, match=r"config\.json"):
        load_weights(saved, embodiment)
    assert not mark.exists()


@pytest.mark.fault("F4")
def test_a_disk_that_is_full_leaves_the_weights_before(saved, params, embodiment):
    before = {path.name: path.read_bytes() for path in saved.iterdir()}
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(OSError):
            save_weights(saved, params, CONFIG, embodiment, {"second": True})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    load_weights(saved, embodiment)
    assert {path.name: path.read_bytes() for path in saved.iterdir()} == before


@pytest.mark.fault("F2")
def test_reading_weights_imports_no_pickle_reader():
    """NumPy itself imports pickle; what could open a pickled model must not be loaded by us."""
    code = (
        "import sys, gato_ros.models.weights\n"
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'torch', 'dill', 'joblib'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
