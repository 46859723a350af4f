"""An example that grows on the disk is the example, and is never in memory as a whole."""

import tracemalloc

import numpy as np
import pytest

from gato_ros.data.exports.example_spool import ExampleSpool

serializer = pytest.importorskip(
    "tensorflow_datasets.core.example_serializer", reason="the extra `rlds` is not installed"
)
proto = serializer.tf_example_pb2


@pytest.mark.parametrize("counts", [(), (0,), (1, 3), (20, 0, 2)])
def test_the_example_is_that_of_protobuf(tmp_path, counts):
    rng = np.random.default_rng(0)
    rest, whole = proto.Example(), proto.Example()
    for example in (rest, whole):
        example.features.feature["steps/action"].float_list.value.extend([0.5] * 40)
        example.features.feature["name"].bytes_list.value.append(b"a")
    columns = {f"steps/caméra_{n}": [rng.bytes(100 * n + k) for k in range(count)] for n, count in enumerate(counts)}
    with ExampleSpool(rest, columns, tmp_path) as spool:
        for name, values in columns.items():
            whole.features.feature[name].bytes_list.value.extend(values)
            for value in values:
                spool.add(name, value)
        data = b"".join(spool.pieces())
        assert len(spool) == len(data) == len(whole.SerializeToString())
    assert proto.Example.FromString(data) == whole
    assert not list(tmp_path.iterdir())


def test_a_large_example_is_never_in_memory(tmp_path):
    picture, count = bytes(2**20), 40
    with ExampleSpool(proto.Example(), ["pictures"], tmp_path) as spool:
        tracemalloc.start()
        for _ in range(count):
            spool.add("pictures", picture)
        size = sum(map(len, spool.pieces()))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert size == len(spool) > count * len(picture) and peak < 4 * len(picture)
