"""Writes the dataset `rlds/1.0.0`: `python rlds_writer.py FOLDER`, with the packages tfrecord and crc32c beside ours.

Made with tfrecord 1.14.6 (records, checksums, tf.train.Example) and TensorFlow Datasets 4.9.10 (metadata). No code of
gato_ros took part.
"""

import sys
from pathlib import Path

import numpy as np

EPISODES = (4, 5)
TASK = "lift the red block"


def state(episode: int, step: int) -> np.ndarray:
    """[8] float32: x y z, quaternion, opening from 0 to 1."""
    return np.float32([0.5, 0.001 * step, 0.1 + 0.01 * episode, 1.0, 0.0, 0.0, 0.0, 0.5 + 0.01 * step])


def action(episode: int, step: int) -> np.ndarray:
    """[5] float32."""
    return np.float32([0.1, -0.1, 0.001 * step, 0.2 * episode, step % 2])


def picture(episode: int, step: int) -> np.ndarray:
    """uint8 [128 128 3], RGB of three different colours."""
    ramp = np.arange(128, dtype=np.uint8) // 16 * 16  # steps: a PNG of few bytes
    shape = (128, 128)
    return np.stack([np.broadcast_to(ramp, shape), np.full(shape, 10 * step), np.full(shape, 90 * episode)], -1).astype(
        np.uint8
    )


def depth(episode: int, step: int) -> np.ndarray:
    """uint16 [128 128] millimetres, with a hole."""
    found = np.broadcast_to(np.arange(500, 500 + 10 * 128, 10, dtype=np.uint16) // 160 * 160, (128, 128)) + np.uint16(
        step
    )
    found[:32, :32] = 0
    return found


def _png(pixels: np.ndarray) -> bytes:
    import cv2

    return cv2.imencode(".png", pixels[:, :, ::-1] if pixels.ndim == 3 else pixels)[1].tobytes()


def _example(episode: int, steps: int) -> dict:
    rows = range(steps)
    flags = {"is_first": 0, "is_last": steps - 1, "is_terminal": steps - 1}
    return {
        "steps/observation/state": (np.concatenate([state(episode, row) for row in rows]), "float"),
        "steps/observation/image": ([_png(picture(episode, row)) for row in rows], "byte"),
        "steps/observation/depth": ([_png(depth(episode, row)) for row in rows], "byte"),
        "steps/action": (np.concatenate([action(episode, row) for row in rows]), "float"),
        "steps/reward": ([float(row == steps - 1) for row in rows], "float"),
        "steps/language_instruction": ([TASK.encode()] * steps, "byte"),
        **{f"steps/{name}": ([int(row == at) for row in rows], "int") for name, at in flags.items()},
    }


def main() -> None:
    import tensorflow_datasets as tfds
    from etils import epath
    from tensorflow_datasets.core.naming import ShardedFileTemplate
    from tensorflow_datasets.core.splits import SplitDict
    from tfrecord.writer import TFRecordWriter

    folder = Path(sys.argv[1])
    folder.mkdir(parents=True)
    observation = {
        "state": tfds.features.Tensor(shape=(8,), dtype=np.float32),
        "image": tfds.features.Image(shape=(128, 128, 3), encoding_format="png"),
        "depth": tfds.features.Image(shape=(128, 128, 1), dtype=np.uint16, encoding_format="png"),
    }
    flags = dict.fromkeys(("is_first", "is_last", "is_terminal"), np.bool_)
    steps = {
        "observation": observation,
        "action": tfds.features.Tensor(shape=(5,), dtype=np.float32),
        "reward": np.float32,
        "language_instruction": tfds.features.Text(),
        **flags,
    }
    name = ShardedFileTemplate(
        data_dir=epath.Path(folder), dataset_name="made", split="train", filetype_suffix="tfrecord"
    )
    path = Path(name.sharded_filepath(shard_index=0, num_shards=1))
    writer = TFRecordWriter(str(path))
    for episode, count in enumerate(EPISODES):
        writer.write(_example(episode, count))
    writer.close()
    identity = tfds.core.DatasetIdentity(
        name="made", version=tfds.core.Version("1.0.0"), data_dir=str(folder), module_name=""
    )
    info = tfds.core.DatasetInfo(
        builder=identity, features=tfds.features.FeaturesDict({"steps": tfds.features.Dataset(steps)})
    )
    info.set_file_format(tfds.core.FileFormat.TFRECORD)
    split = tfds.core.SplitInfo(
        name="train", shard_lengths=[len(EPISODES)], num_bytes=path.stat().st_size, filename_template=name
    )
    info.set_splits(SplitDict([split]))
    info.write_to_directory(str(folder))


if __name__ == "__main__":
    main()
