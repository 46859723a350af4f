"""The peers live in other environments; here: what they get, who judges them, what is said of one that is missing."""

import json
import math
import stat
import subprocess
import sys

import numpy as np
import pytest

from gato_ros.bench.peers import guard_peers as bench_guard_peers
from gato_ros.bench.peers.guard_kill import reaction
from gato_ros.bench.peers.guard_peers_fuzz import HELD_TICKS, KINDS, Envelope, fuzz, judge, judge_targets
from gato_ros.cli import main

ENVELOPE = Envelope(np.ones(2), 10.0, -np.ones(2), np.ones(2), tick_s=0.01)


def test_the_fuzz_holds_every_kind_and_is_drawn_from_its_seed():
    stream = fuzz(20_000, 7, np.random.default_rng(3))
    again = fuzz(20_000, 7, np.random.default_rng(3))
    assert stream.values.tobytes() == again.values.tobytes()
    by_kind = {name: stream.values[stream.kinds == i] for i, name in enumerate(KINDS)}
    assert all(len(values) > 500 for values in by_kind.values())
    for name in ("in_range", "sign_flip", "zero", "denormal", "huge"):
        assert np.isfinite(by_kind[name]).all(), name
    assert np.abs(by_kind["in_range"][:, :3]).max() <= 0.07
    assert (np.isnan(by_kind["nan"]).sum(-1) == 1).all() and (np.isinf(by_kind["inf"]).sum(-1) == 1).all()
    denormal = np.abs(by_kind["denormal"])
    assert 0 < denormal.max() < np.finfo(float).tiny
    magnitude = np.log10(np.abs(by_kind["whole_range"][np.isfinite(by_kind["whole_range"])]))
    assert magnitude.min() < -290 and magnitude.max() > 290 and (by_kind["whole_range"] < 0).any()
    rows = np.flatnonzero(stream.kinds == KINDS.index("sign_flip"))
    pairs = rows[:-1][(np.diff(rows) == 1) & (rows[:-1] % HELD_TICKS < HELD_TICKS - 1)]
    assert (np.sign(stream.values[pairs]) == -np.sign(stream.values[pairs + 1])).all()
    broken = stream.broken_joint >= 0
    assert 10 < broken.sum() < 100 and stream.broken_joint.max() < 7


def test_a_stream_inside_its_limits_is_not_accused():
    commands = np.cumsum(np.full((100, 2), 0.0099), 0) % 0.05
    assert set(judge(ENVELOPE, np.zeros((100, 2)), commands).values()) == {0}


@pytest.mark.parametrize(
    "change, found",
    [
        (lambda c, q: c.__setitem__((5, 1), math.nan), {"nonfinite": 1}),
        (lambda c, q: c.__setitem__((5, 1), -math.inf), {"nonfinite": 1}),
        (lambda c, q: c.__setitem__((slice(5, None), 1), 0.2), {"acceleration": 1, "outside": 1}),
        (lambda c, q: c.__setitem__((5, 0), 1.5), {"speed": 1, "acceleration": 2, "outside": 2}),
        (
            lambda c, q: (c.__setitem__((slice(None), 0), 0.5), q.__setitem__((7, 0), 0.999)),
            {"position": 1, "outside": 1},
        ),
        (lambda c, q: (c.__setitem__((slice(None), 0), -0.5), q.__setitem__((7, 0), 1.2)), {}),  # on its way back
    ],
)
def test_each_kind_of_escape_is_counted_once(change, found):
    commands, angles = np.zeros((10, 2)), np.zeros((10, 2))
    change(commands, angles)
    counts = judge(ENVELOPE, angles, commands)
    assert {name: count for name, count in counts.items() if count} == found


def test_a_change_is_reckoned_from_the_last_finite_command():
    commands = np.array([[0.0, 0.0], [math.nan, 0.0], [0.5, 0.0]])
    assert judge(ENVELOPE, np.zeros((3, 2)), commands)["acceleration"] == 1
    assert judge(ENVELOPE, np.zeros((1, 2)), np.full((1, 2), 0.5))["acceleration"] == 0  # nothing before it


def test_targets_are_judged_by_their_cap():
    present, cap = np.ones((4, 2)), np.array([0.1, 0.2])
    targets = present + [[0.1, -0.2], [0.11, 0.0], [math.nan, 0.0], [0.0, math.inf]]
    assert judge_targets(cap, present, targets) == {"nonfinite": 2, "outside": 1}


def test_our_guard_lets_nothing_through_and_moves():
    row = bench_guard_peers._ours(bench_guard_peers.given_for(3000, 1))
    assert row["nonfinite"] == row["outside"] == 0
    assert row["moving_share"] > 0.5 and row["resets"] > 10 and 0 < row["p50_us"] <= row["p99_us"]


def test_a_reaction_is_read_off_commands_and_verdicts():
    received = [(9.9, 0.3), (10.05, 0.3), (10.11, 0.2), (10.12, 0.0), (10.13, 0.0)]
    verdicts = [(10.05, "ok"), (10.11, "stopping"), (10.5, "latched")]
    found = reaction(received, verdicts, 10.0)
    assert found["last_moving_ms"] == pytest.approx(110) and found["first_stopping_ms"] == pytest.approx(110)
    assert reaction(received[:3], [], 10.0) == {"last_moving_ms": None, "first_stopping_ms": None}  # it never stopped


def test_never_is_worse_than_any_time():
    assert bench_guard_peers.worst([3.0, 7.0]) == 7.0 and bench_guard_peers.worst([3.0, None]) is None


def program(folder, peer, body):
    """A stand-in for a peer's interpreter."""
    python = folder / f".venv-peer-{peer}" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!{sys.executable}\n{body}\n")
    python.chmod(python.stat().st_mode | stat.S_IXUSR)


def test_the_table_tells_what_was_measured_and_what_could_not_be(tmp_path, capsys):
    program(
        tmp_path,
        "dm_robotics",
        (
            "import sys, json, numpy as np\n"
            "given = np.load(sys.argv[3]); n = len(given['values'])\n"
            "commands = np.zeros((n, 7)); commands[3] = np.nan; commands[7] = 9.0\n"
            "np.savez(sys.argv[4], commands=commands, angles=np.zeros((n, 7)), seconds=np.full(n, 1e-4))\n"
            "print(json.dumps({'versions': {'x': '1'}, 'loaded': 'a stand-in', 'raised': 0}))"
        ),
    )
    program(tmp_path, "lerobot", "raise SystemExit('no module named nothing')")
    with pytest.raises(SystemExit, match="0"):
        main(
            [
                "bench",
                "guard-peers",
                "--environments",
                str(tmp_path),
                "--ticks",
                "200",
                "--trials",
                "0",
                "--out",
                str(tmp_path),
                "--json",
                str(tmp_path / "peers.json"),
            ]
        )
    rows = json.loads((tmp_path / "peers.json").read_text())["fuzz"]
    assert rows[1]["nonfinite"] == 1 and rows[1]["speed"] == 1 and rows[1]["p50_us"] == pytest.approx(100)
    assert "no module named nothing" in rows[3]["reason"]
    text = (tmp_path / "peers.md").read_text()
    assert text in capsys.readouterr().out and "| gato_ros guard | 200 | 0 | 0 |" in text
    assert "| LeRobot ensure_safe_goal_position | exit code 1: no module named nothing |" in text


def test_a_peer_that_is_not_installed_is_a_row(tmp_path):
    options = bench_guard_peers.Options(environments=tmp_path, ticks=100)
    row = bench_guard_peers._peer(options, "x", "dm_robotics", {}, bench_guard_peers.given_for(100, 0))
    assert row["system"] == "x" and "make guard-peers" in row["reason"]
    kill = bench_guard_peers._openpi(options, "SIGKILL", 1)(0)
    assert "not installed" in kill["reason"]


def test_lerobots_function_is_taken_from_its_own_source(tmp_path):
    """With a package of that name whose other parts cannot be imported."""
    package = tmp_path / "lerobot" / "robots"
    package.mkdir(parents=True)
    (tmp_path / "lerobot" / "__init__.py").write_text("")
    information = tmp_path / "lerobot-9.9.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: lerobot\nVersion: 9.9\n")
    (package / "utils.py").write_text(
        "import nothing_of_that_name\n"
        "def ensure_safe_goal_position(goal_present_pos, cap):\n"
        "    return {key: present + cap[key] / 2 for key, (goal, present) in goal_present_pos.items()}\n"
    )
    source, target = tmp_path / "in.npz", tmp_path / "out.npz"
    np.savez(source, **bench_guard_peers.given_for(100, 0))
    done = subprocess.run(
        [sys.executable, str(bench_guard_peers.PROGRAM), "lerobot", str(source), str(target), "{}"],
        env={"PYTHONPATH": str(tmp_path), "PATH": ""},
        capture_output=True,
        text=True,
    )
    answer = json.loads(done.stdout)
    assert answer["versions"] == {"lerobot": "9.9"} and answer["raised"] == 0
    with np.load(target) as came:
        assert (came["commands"] > came["angles"]).any() and len(came["seconds"]) == 100


def test_the_kill_table_tells_stopping_raising_and_hanging_apart(tmp_path, monkeypatch):
    program(
        tmp_path,
        "openpi",
        (
            "import sys, json\n"
            "given = json.loads(sys.argv[3])\n"
            "back = 12.0 if given['fault'] == 'SIGKILL' else None\n"
            "assert 1.0 < given['moving_s'] < 1.0 + 0.05 * given['horizon']\n"
            "print(json.dumps({'last_moving_ms': 40.0, 'first_stopping_ms': None, "
            "'control_back_ms': back, 'how': 'x'}))"
        ),
    )
    ours = {"last_moving_ms": 150.0, "first_stopping_ms": 90.0, "control_back_ms": None, "how": "guard"}
    monkeypatch.setattr("gato_ros.bench.peers.guard_kill.kill_trial", lambda *given: ours)
    options = bench_guard_peers.Options(environments=tmp_path, ticks=100, trials=2, observe_s=5.0)
    rows = [row for fault in bench_guard_peers.FAULTS for row in bench_guard_peers._kills(options, fault)]
    text = bench_guard_peers.table({"ticks": 0, "kinds": {}, "broken_states": 0, "fuzz": [], "kills": rows})
    assert "| gato_ros guard | SIGKILL | 150 ms | 90 ms | not needed | 2 |" in text
    assert "| openpi client | SIGKILL | 40 ms | never: it raises | 12 ms | 2 |" in text
    assert "| openpi client, chunks of 10 | SIGSTOP | 40 ms | never in 5 s | never in 5 s | 2 |" in text
