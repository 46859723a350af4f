"""What lies among episodes and is none: bags of ROS, incidents, MCAP files of other programs, empty files, folders."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from mcap.records import Header, Metadata
from mcap.stream_reader import StreamReader
from mcap.writer import MCAP0_MAGIC

from gato_ros.core.errors import SetupError
from gato_ros.data.episodes.message_stream import Contents, MessageStream

OWN_LIBRARY = "gato_ros"
AWAY = "move it elsewhere"
REPLAY = f"{AWAY}, or play it (`ros2 bag play`) while `python -m gato_ros record` runs"
BAG = "a ROS 2 bag, not an episode"


class Other(NamedTuple):
    """Something that is not an episode."""

    what: str
    fix: str

    def __str__(self) -> str:
        return f"{self.what}; {self.fix}"


def what_else(path: Path) -> Other | None:
    """What `path` is if it is no episode; None for an episode, a damaged one too, and for what cannot be opened."""
    path = Path(path)
    if path.is_dir():
        return folder_of_others(path) or Other("a folder, not an episode", AWAY)
    if path.is_symlink() and not path.exists():
        return Other("a link to nothing", "remove it, or bring back what it points to")
    try:
        with open(path, "rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - len(MCAP0_MAGIC)))
            ends = file.read()
            file.seek(0)
            begins = file.read(len(MCAP0_MAGIC))
            file.seek(0)
            if not size:
                return Other("an empty file, not an episode", "remove it")
            # One mark of two is a damaged MCAP file.
            if MCAP0_MAGIC not in (begins, ends):
                return Other("not an MCAP file", AWAY)
            header, metadata = _beginning(file, size)
    except OSError:
        return None
    return _judged(path, header, metadata)


def sorted_out(folder: Path) -> tuple[list[Path], dict[Path, Other]]:
    """The finished episodes of a folder by name, damaged ones among them, and what else is called `*.mcap` there."""
    episodes, others = [], {}
    for path in sorted(Path(folder).glob("*.mcap")):
        if path.name.startswith("."):
            continue
        if other := what_else(path):
            others[path] = other
        else:
            episodes.append(path)
    return episodes, others


def _beginning(file, size: int) -> tuple[Header | None, str]:
    """The header, and the name of the record of metadata that follows it; where they are damaged, None and nothing."""
    header, name = None, ""
    try:
        for record, _ in zip(StreamReader(file, record_size_limit=size).records, range(2)):
            if isinstance(record, Header):
                header = record
            elif isinstance(record, Metadata):
                name = record.name
    except Exception:  # altered bytes fail in whichever decoder meets them first
        return None, ""
    return header, name


def _judged(path: Path, header: Header | None, metadata: str) -> Other | None:
    if metadata == "incident":
        return Other("an incident, not an episode", f"{AWAY}; `python -m gato_ros replay` reads it")
    # Whatever is damaged at its beginning may have been an episode.
    if header is None or metadata == "episode" or header.library.startswith(OWN_LIBRARY):
        return None
    bag = Other(BAG, REPLAY) if header.profile == "ros2" else None
    try:
        contents = MessageStream(path, "", "").contents()
    except SetupError:
        return bag
    # Other programs may have copied an episode of ours, and put its records at the end.
    if "episode" in contents.metadata:
        return None
    if not sum(contents.counts.values()):
        return Other("an MCAP file without messages, not an episode", AWAY)
    return Other(BAG, REPLAY) if bag or "rosbag2" in contents.metadata else _of_others(header, contents)


def _of_others(header: Header, contents: Contents) -> Other:
    topic, channel = next(iter(contents.channels.items()))
    kind = f" of {channel.message_type}" if channel.message_type else ""
    program = header.library or "another program"
    return Other(f"an MCAP file by {program} (like {topic}{kind}), not an episode", AWAY)


def folder_of_others(folder: Path) -> Other | None:
    """What a folder is, if it is a bag; None for any other."""
    try:
        about = (Path(folder) / "metadata.yaml").read_text(encoding="utf-8", errors="replace")[:4096]
    except OSError:
        return None
    return Other("the folder of a ROS 2 bag, not episodes", REPLAY) if "rosbag2_bagfile_information" in about else None
