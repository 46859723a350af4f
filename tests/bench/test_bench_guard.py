import json

import pytest

from gato_ros.cli import main


def test_a_step_of_the_guard_is_timed(tmp_path):
    with pytest.raises(SystemExit) as ended:
        main(["bench", "guard", "--steps", "200", "--json", str(tmp_path / "guard.json")])
    result = json.loads((tmp_path / "guard.json").read_text())
    assert ended.value.code == 0 and result["followed"] == result["steps"] == 200
    for row in (result["step_ms"], result["kinematics_ms"]):
        assert 0.0 < row["p50"] <= row["p99"] <= row["most"]
