"""A fuzz that goes on where it stopped, and every kind of action in one command."""

import json
from collections import Counter
from contextlib import contextmanager

import pytest

from gato_ros.bench.guard import fuzz
from gato_ros.bench.guard.ledger import Block, Ledger
from gato_ros.bench.guard.variants import KINDS
from gato_ros.core.errors import SetupError

OF = {"guard": "a", "contract": "b"}


class Pool:
    """Runs blocks here, and is interrupted after some."""

    def __init__(self):
        self.blocks, self.interrupt_after = [], None

    def map(self, function, blocks, *more):
        for block, *rest in zip(blocks, *more, strict=False):
            if self.interrupt_after is not None and len(self.blocks) >= self.interrupt_after:
                raise KeyboardInterrupt
            self.blocks.append((rest[-1], block))
            yield function(block, *rest)


@pytest.fixture
def pool(monkeypatch):
    """Episodes of twenty ticks, two to a block, in this process."""
    made = Pool()

    @contextmanager
    def here(workers):
        yield made

    monkeypatch.setattr(fuzz, "EPISODE_TICKS", 20)
    monkeypatch.setattr(fuzz, "BLOCK", 2)
    monkeypatch.setattr("gato_ros.evaluation.worker_pool.worker_pool", here)
    return made


def test_a_fuzz_that_is_interrupted_goes_on_where_it_stopped(tmp_path, pool):
    options = fuzz.Options(ticks=120, ledger=tmp_path / "ledger.json", actions="joint_velocity")
    pool.interrupt_after = 2
    with pytest.raises(KeyboardInterrupt):
        fuzz.run(options)
    pool.interrupt_after = None
    found = fuzz.run(options)
    assert [block for _, block in pool.blocks] == [range(2), range(2, 4), range(4, 6)], "each block once"
    pool.blocks.clear()
    whole = fuzz.run(fuzz.Options(ticks=120, actions="joint_velocity"))
    assert len(pool.blocks) == 3 and found["ticks"] == 120 and found["ticks_per_s"] > 0
    timed = {"seconds", "ticks_per_s"}
    assert {k: v for k, v in found.items() if k not in timed} == {k: v for k, v in whole.items() if k not in timed}


def test_more_ticks_and_other_seeds_go_into_the_same_ledger(tmp_path, pool):
    path = tmp_path / "ledger.json"
    for ticks, seed, blocks in ((40, 0, 1), (80, 0, 1), (40, 7, 1), (80, 0, 0)):
        pool.blocks.clear()
        assert fuzz.run(fuzz.Options(ticks=ticks, seed=seed, ledger=path))["ticks"] == ticks
        assert len(pool.blocks) == blocks


def test_an_escape_in_a_ledger_counts(tmp_path, pool):
    path = tmp_path / "ledger.json"
    fuzz.run(fuzz.Options(ticks=40, ledger=path))
    content = json.loads(path.read_text())
    entry = content["kinds"]["own"]["0-1"]
    entry["counts"] |= {"escapes": 3, "tool_jerk": 3}
    entry["examples"] = [{"seed": 1, "tick": 4, "checks": ["tool_jerk"]}]
    path.write_text(json.dumps(content))
    result = fuzz.run(fuzz.Options(ticks=80, ledger=path))
    assert result["escapes"] == result["by_check"]["tool_jerk"] == 3 and not result["ok"]
    assert result["examples"][0]["seed"] == 1


def test_all_kinds_are_fuzzed_and_added_up(tmp_path, pool):
    result = fuzz.run(fuzz.Options(ticks=40, actions="all", ledger=tmp_path / "ledger.json"))
    assert list(result["kinds"]) == ["own", *KINDS] and result["ticks"] == 40 * len(result["kinds"])
    assert [kind for kind, _ in pool.blocks] == ["", *KINDS] and result["ok"]
    for name in ("followed", "stopped", "escapes", "nonfinite"):
        assert result[name] == sum(one[name] for one in result["kinds"].values())
    for name, count in result["by_check"].items():
        checked = [one["by_check"][name] for one in result["kinds"].values() if name in one["by_check"]]
        assert count == sum(checked) and len(checked) in (1, len(result["kinds"]))  # one kind has a mobile base
    assert all(one["actions"] == ("" if kind == "own" else kind) for kind, one in result["kinds"].items())


@pytest.mark.parametrize("of", [{"guard": "other", "contract": "b"}, {"guard": "a", "contract": "other"}])
def test_a_ledger_of_another_guard_or_contract_is_refused(tmp_path, of):
    path = tmp_path / "ledger.json"
    ledger = Ledger(path, OF)
    ledger.note("own", range(2), Block(Counter(ticks=40), [], 1.0))
    ledger.save()
    assert Ledger(path, OF).found("own", range(2)).counts["ticks"] == 40
    assert Ledger(path, OF).found("own", range(3)) is None and Ledger(path, OF).found("other", range(2)) is None
    before = path.read_bytes()
    with pytest.raises(SetupError, match="of another (guard|contract)"):
        Ledger(path, of)
    assert path.read_bytes() == before


@pytest.mark.parametrize("text", ["", "[]", '{"of": {}}', "{"])
def test_a_file_that_is_no_ledger_is_refused(tmp_path, text):
    (tmp_path / "ledger.json").write_text(text)
    with pytest.raises(SetupError, match="a ledger of guard fuzz"):
        Ledger(tmp_path / "ledger.json", OF)
