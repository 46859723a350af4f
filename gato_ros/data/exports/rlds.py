"""Episodes in RLDS form as a TensorFlow Datasets folder of array_records: written and read without TensorFlow.

`tfds.builder_from_directory(FOLDER).as_data_source("train")` reads it; with TensorFlow, `.as_dataset` does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gato_ros.core.errors import SetupError
from gato_ros.data.disk_error import disk_error
from gato_ros.data.exports.selection import ACTION_NAMES, Selection, Take, value_names, write_whole

SPLIT, VERSION = "train", "1.0.0"
EPISODES_PER_FILE = 100
RECORD_BYTES = 2**30
"""An episode is one record: three copies of it are in memory at once, and the format ends at 2 GiB."""
EARLY = 20
"""After this share of an episode it is clear whether it will have far too much."""


def export_rlds(selection: Selection, target: Path, done: Callable[[str], None] = lambda name: None) -> int:
    """Write the folder `target`, whole or not at all; the steps in it.

    Raises:
        SetupError: the target exists, or an episode lacks steps.
        OSError: the disk is full or refuses.
    """
    total = 0

    def write(folder: Path) -> None:
        nonlocal total
        folder.mkdir()
        try:
            total = _write(folder, selection, done)
        except RuntimeError as error:  # array_record says in words what the disk refused
            raise disk_error(str(error), target) or error from None

    write_whole(target, write)
    return total


def _write(folder: Path, selection: Selection, done: Callable[[str], None]) -> int:
    import tensorflow_datasets as tfds
    from array_record.python.array_record_module import ArrayRecordWriter
    from etils import epath
    from tensorflow_datasets.core.naming import ShardedFileTemplate

    count = len(selection.summaries)
    files = -(-count // EPISODES_PER_FILE)
    names = ShardedFileTemplate(
        data_dir=epath.Path(folder), dataset_name="gato_ros", split=SPLIT, filetype_suffix="array_record"
    )
    takes = selection.takes()
    encoder, lengths, size, steps = None, [], 0, 0
    for number in range(files):
        writer = ArrayRecordWriter(str(names.sharded_filepath(shard_index=number, num_shards=files)), "group_size:1")
        lengths.append(min(EPISODES_PER_FILE, count - number * EPISODES_PER_FILE))
        for _ in range(lengths[-1]):
            take = next(takes)
            encoder = encoder or _Encoder(selection, take)
            record = encoder.record(take)
            writer.write(record)
            size, steps = size + len(record), steps + len(take)
            done(take.name)
        writer.close()
    robot = selection.robot
    info = tfds.core.DatasetInfo(
        builder=tfds.core.DatasetIdentity(name="gato_ros", version=VERSION, data_dir=str(folder), module_name=""),
        description=f"{robot.name} at {selection.fps:g} Hz, contract {robot.digest}",
        features=encoder.features,
    )
    info.set_file_format(tfds.core.FileFormat.ARRAY_RECORD)
    info.set_splits(
        tfds.core.splits.SplitDict(
            [tfds.core.SplitInfo(name=SPLIT, shard_lengths=lengths, num_bytes=size, filename_template=names)]
        )
    )
    info.write_to_directory(str(folder))
    return steps


class _Encoder:
    """Episodes to records: all by TensorFlow Datasets but the pictures, of which it would make six copies."""

    def __init__(self, selection: Selection, take: Take):
        from tensorflow_datasets.core.example_serializer import ExampleSerializer

        self.features = _features(selection, take)
        self._rest = _features(selection, replace(take, cameras={}))
        self._serializer = ExampleSerializer(self._rest.get_serialized_info())

    def record(self, take: Take) -> bytes:
        """Raises SetupError: more pictures than a record can hold."""
        example = self._serializer.get_tf_example(self._rest.encode_example(_episode(take)))
        columns = {
            key: example.features.feature[f"steps/observation/{_flat(key)}"].bytes_list.value for key in take.cameras
        }
        size = 0
        for step, pictures in enumerate(take.pictures() if columns else ()):
            for key, pixels in pictures.items():
                png = _png(pixels)
                columns[key].append(png)
                size += len(png)
            # What would end far above the limit is not carried up to it.
            early = step + 1 == len(take) // EARLY and EARLY * size > 2 * RECORD_BYTES
            if size > RECORD_BYTES or early:
                raise SetupError(
                    expected=f"at most {RECORD_BYTES >> 20} MiB of PNGs in {take.name}, which is one record in RLDS",
                    got=f"about {size * len(take) // (step + 1) >> 20} MiB, by its first {step + 1} steps",
                    fix="take --format lerobot or hdf5, or leave the pictures out with --no-images",
                )
        return example.SerializeToString()


def _features(selection: Selection, take: Take) -> Any:
    import tensorflow_datasets as tfds

    observation = {
        **{
            _flat(key): tfds.features.Tensor(
                shape=values.shape[1:],
                dtype=np.float32,
                doc=", ".join(value_names(selection.robot, key, values.shape[1])),
            )
            for key, values in take.vectors.items()
        },
        **{
            _flat(key): tfds.features.Image(shape=shape, dtype=np.uint8, encoding_format="png")
            for key, shape in take.cameras.items()
        },
    }
    action = tfds.features.Tensor(shape=(len(ACTION_NAMES),), dtype=np.float32, doc=", ".join(ACTION_NAMES))
    return tfds.features.FeaturesDict(
        {
            "steps": tfds.features.Dataset(
                {
                    "observation": observation,
                    "action": action,
                    "executed_action": action,
                    "reward": np.float32,
                    "discount": np.float32,
                    "is_first": np.bool_,
                    "is_last": np.bool_,
                    "is_terminal": np.bool_,
                    "language_instruction": tfds.features.Text(),
                    "command_source": tfds.features.Text(),
                    "stamp_s": np.float64,
                }
            ),
            "episode_metadata": {
                "name": tfds.features.Text(),
                "success": tfds.features.Text(doc="yes, no, or unknown"),
            },
        }
    )


def _episode(take: Take) -> dict[str, Any]:
    success = "unknown" if take.success is None else "yes" if take.success else "no"
    return {"steps": _steps(take), "episode_metadata": {"name": take.name, "success": success}}


def _steps(take: Take) -> Iterator[dict[str, Any]]:
    """All but the pictures."""
    for step in range(len(take)):
        last = step == len(take) - 1
        yield {
            "observation": {_flat(key): values[step] for key, values in take.vectors.items()},
            "action": take.actions[step],
            "executed_action": take.executed[step],
            "reward": float(last and take.success is True),
            "discount": float(not last),
            "is_first": step == 0,
            # An episode that was simply stopped did not end by itself.
            "is_last": last,
            "is_terminal": last and take.success is True,
            "language_instruction": take.task,
            "command_source": str(take.sources[step]),
            "stamp_s": float(take.stamps_s[step]),
        }


def _flat(key: str) -> str:
    """A slash would make a nested feature."""
    return key.replace("/", "_")


def _png(picture: np.ndarray) -> bytes:
    """Encoded here: TensorFlow Datasets would want TensorFlow for it."""
    import cv2

    return cv2.imencode(".png", picture[:, :, ::-1])[1].tobytes()
