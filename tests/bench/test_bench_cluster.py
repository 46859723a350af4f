"""What `bench cluster` says of folders that should be equal."""

import shutil

import pytest

from gato_ros.bench.cluster.kills import judged, unequal
from gato_ros.evaluation.collection import Collection, collect
from gato_ros.evaluation.foreign import collection
from tests.pool_here import pool_here


def test_lost_doubled_and_other_episodes_are_found(tmp_path, monkeypatch, request):
    pytest.importorskip("array_record", reason="array_record comes with the domains: pip install gato_ros[domains]")
    monkeypatch.chdir(request.config.rootpath)
    monkeypatch.setattr(collection, "worker_pool", pool_here)
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        collect(Collection(folder, domain="tests/domains/toy_domain.py", episodes=30))
    assert judged(one, other) == {"kept": 30, "missing": 0, "doubled": 0} and unequal(one, other) == set()
    first, second, third = sorted(other.glob("*.array_record"))
    shutil.copy(first, other / f"again-{first.name}")
    assert judged(one, other) == {"kept": 30, "missing": 0, "doubled": 10}
    second.unlink()
    shutil.copy(first, third)
    assert judged(one, other) == {"kept": 30, "missing": 20, "doubled": 20}
    assert unequal(one, other) == {f"again-{first.name}", second.name, third.name}
