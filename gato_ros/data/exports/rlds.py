"""Episodes in RLDS form as a TensorFlow Datasets folder of array_records: written and read without TensorFlow.

`tfds.builder_from_directory(FOLDER).as_data_source("train")` reads it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gato_ros.core.errors import SetupError
from gato_ros.data.disk_error import disk_error
from gato_ros.data.exports.example_spool import ExampleSpool
from gato_ros.data.exports.selection import Selection, Take, action_names, value_names, write_whole
from gato_ros.data.exports.split_files import SplitFiles

SPLIT, VERSION = "train", "1.0.0"
RECORD_BYTES = 2**30
"""An episode is one record. Readers hold it as a whole, several times over, and the format ends at 2 GiB."""
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
        except OSError as error:  # a file that is open or has no name does not say where it is
            raise error if error.filename else OSError(error.errno, error.strerror, str(target)) from None

    write_whole(target, write)
    return total


def _write(folder: Path, selection: Selection, done: Callable[[str], None]) -> int:
    import tensorflow_datasets as tfds
    from etils import epath
    from tensorflow_datasets.core.naming import ShardedFileTemplate
    from tensorflow_datasets.core.splits import SplitDict

    files, encoder, steps = SplitFiles(folder), None, 0
    for take in selection.takes():
        encoder = encoder or _Encoder(selection, take)
        with encoder.example(take, folder) as example:
            files.write(example)
        steps += len(take)
        done(take.name)
    files.close()
    if encoder is None:
        raise ValueError("no episodes to export")
    names = ShardedFileTemplate(
        data_dir=epath.Path(folder), dataset_name="gato_ros", split=SPLIT, filetype_suffix="array_record"
    )
    for number, path in enumerate(files.paths):
        path.rename(names.sharded_filepath(shard_index=number, num_shards=len(files.paths)))
    robot = selection.robot
    info = tfds.core.DatasetInfo(
        builder=tfds.core.DatasetIdentity(
            name="gato_ros", version=tfds.core.Version(VERSION), data_dir=str(folder), module_name=""
        ),
        description=f"{robot.name} at {selection.fps:g} Hz, contract {robot.digest}",
        features=encoder.features,
    )
    info.set_file_format(tfds.core.FileFormat.ARRAY_RECORD)
    info.set_splits(
        SplitDict(
            [
                tfds.core.SplitInfo(
                    name=SPLIT, shard_lengths=files.lengths, num_bytes=files.bytes, filename_template=names
                )
            ]
        )
    )
    info.write_to_directory(str(folder))
    return steps


class _Encoder:
    """Episodes to examples: all by TensorFlow Datasets but the pictures, of which it would make six copies."""

    def __init__(self, selection: Selection, take: Take):
        from tensorflow_datasets.core.example_serializer import ExampleSerializer

        self.features = _features(selection, take)
        self._rest = _features(selection, replace(take, cameras={}))
        self._serializer = ExampleSerializer(self._rest.get_serialized_info())

    @contextlib.contextmanager
    def example(self, take: Take, folder: Path) -> Iterator[ExampleSpool]:
        """The episode's example, its pictures in `folder` while it is needed.

        Raises:
            SetupError: more pictures than a record can hold.
            OSError: the disk refuses.
        """
        rest = self._serializer.get_tf_example(self._rest.encode_example(_episode(take)))
        columns = {key: f"steps/observation/{_flat(key)}" for key in take.cameras}
        with ExampleSpool(rest, columns.values(), folder) as example:
            for step, pictures in enumerate(take.pictures() if columns else ()):
                for key, pixels in pictures.items():
                    example.add(columns[key], _png(pixels))
                _check_size(take, step + 1, len(example))
            yield example


def _check_size(take: Take, steps: int, size: int) -> None:
    """Raises SetupError: `size` bytes after so many steps are more than a record should hold, or will be by far."""
    # What would end far above the limit is not carried up to it.
    early = steps == len(take) // EARLY and EARLY * size > 2 * RECORD_BYTES
    if size > RECORD_BYTES or early:
        raise SetupError(
            expected=f"at most {RECORD_BYTES >> 20} MiB of PNGs in {take.name}, which is one record in RLDS",
            got=f"about {size * len(take) // steps >> 20} MiB, by its first {steps} steps",
            fix="take --format lerobot or hdf5, or leave the pictures out with --no-images",
        )


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
    names = action_names(selection.robot)
    action = tfds.features.Tensor(shape=(len(names),), dtype=np.float32, doc=", ".join(names))
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
