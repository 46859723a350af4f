"""`bench shards` at a toy size: what is in its result, and that a killed training reaches the same weights."""

import json

import numpy as np
import pytest

from gato_ros.bench.shards.bench import Options, _write, run
from gato_ros.bench.shards.walks import CELLS, GOAL, MOVES, SEEN, WALL, walk
from gato_ros.core.errors import SetupError
from gato_ros.data.demonstrations.reading import shard_paths

pytest.importorskip("array_record", reason="array_record comes with the domains: pip install gato_ros[domains]")


def test_a_walk_ends_at_the_goal_that_it_sees():
    for seed in range(200):
        one = walk(seed)
        cells = one.observations[CELLS].reshape(-1, SEEN, SEEN)
        last = np.argwhere(cells[-1] == GOAL)[0] - SEEN // 2
        assert len(one) >= 1 and (last == MOVES[int(one.executed[-1, 0])]).all()
        assert (cells[:, SEEN // 2, SEEN // 2] != WALL).all() and cells.dtype == np.uint8


def test_shards_that_are_there_are_not_written_again(tmp_path):
    assert _write(tmp_path, 501)["files"] == 2
    first, last = shard_paths(tmp_path)
    last.unlink()
    stamp = first.stat().st_mtime_ns
    assert _write(tmp_path, 501)["files"] == 2 and first.stat().st_mtime_ns == stamp
    with pytest.raises(SetupError, match="name another folder"):
        _write(tmp_path, 400)


@pytest.mark.slow
def test_the_result_has_every_bar():
    options = Options(episodes=60, steps=20, blocks=2, block_steps=1)
    result = json.loads(json.dumps(run(options)))
    assert result["resume_bit_identical"] and result["resumed_after_kills"] == 1
    assert 0 < result["start"]["data_s"] < result["start"]["start_s"] and result["memory_growth"] > 0.5
    assert result["files"] == 1 and result["speed_ratio"] > 0 and len(result["seconds"]["shards"]) == 2
