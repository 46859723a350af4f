"""Files that lie among episodes and are none, for tests."""

import json
from pathlib import Path

from mcap.writer import Writer
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer as BagWriter

from gato_ros.data import messages
from gato_ros.data.incidents.incident import Topic
from gato_ros.data.mcap_file import McapFile, as_text


def bag(folder: Path, storage: StoragePlugin = StoragePlugin.MCAP) -> Path:
    """A ROS 2 bag as a folder with `metadata.yaml`; the folder."""
    with BagWriter(folder, version=9, storage_plugin=storage) as writer:
        connection = writer.add_connection("/chat", messages.STRING, typestore=messages.typestore())
        for number in range(3):
            writer.write(connection, number * 10**8, bytes(messages.text(f"hello {number}")))
    return folder


def bag_file(path: Path) -> Path:
    """The MCAP file of a bag as `ros2 bag record -s mcap` leaves it: with the record `rosbag2`, whose text is YAML."""
    with open(path, "wb") as file:
        writer = Writer(file)
        writer.start(profile="ros2", library="libmcap 1.3.0")
        schema = writer.register_schema(messages.STRING, "ros2msg", messages.definition(messages.STRING))
        channel = writer.register_channel("/chat", "cdr", schema, {"offered_qos_profiles": ""})
        writer.add_message(channel, 1, bytes(messages.text("hello")), 1)
        writer.add_metadata("rosbag2", {"serialized_metadata": "rosbag2_bagfile_information:\n  version: 9\n"})
        writer.finish()
    return path


def foxglove(path: Path, encoding: str) -> Path:
    """An MCAP file of another program, with protobuf or JSON messages."""
    with open(path, "wb") as file:
        writer = Writer(file)
        writer.start(profile="", library="foxglove-sdk")
        schema = writer.register_schema("foxglove.Pose", "jsonschema" if encoding == "json" else "protobuf", b"{}")
        writer.add_message(writer.register_channel("/pose", encoding, schema), 1, json.dumps({}).encode(), 1)
        writer.add_metadata("session", {"operator": "not: json"})
        writer.finish()
    return path


def empty_mcap(path: Path) -> Path:
    with open(path, "wb") as file:
        writer = Writer(file)
        writer.start(profile="", library="someone")
        writer.finish()
    return path


def incident(path: Path) -> Path:
    """As `data/incidents/incident.py` writes one."""
    file = McapFile(path.parent, path.stem, "incident")
    file.add_metadata("incident", as_text({"schema_version": 1}))
    topic = Topic("/chat", messages.STRING, "raw", "")
    file.add(topic.name, topic.message_type, messages.text("x"), 1, 0, {"role": topic.role})
    return file.close()


def all_kinds(folder: Path) -> dict[str, str]:
    """Put one of each kind into the folder; name -> a word of what it is called."""
    bag_file(folder / "o1.mcap")
    foxglove(folder / "o2.mcap", "protobuf")
    foxglove(folder / "o3.mcap", "json")
    empty_mcap(folder / "o4.mcap")
    incident(folder / "o5.mcap")
    (folder / "o6.mcap").write_bytes(b"")
    (folder / "o7.mcap").write_text("a,b\n1,2\n")
    (folder / "o8.mcap").mkdir()
    (folder / "o9.mcap").symlink_to(folder / "nowhere")
    bag(folder / "p1.mcap")
    return {
        "o1": "ROS 2 bag",
        "o2": "MCAP file by foxglove-sdk",
        "o3": "MCAP file by foxglove-sdk",
        "o4": "without messages",
        "o5": "incident",
        "o6": "empty file",
        "o7": "not an MCAP file",
        "o8": "folder",
        "o9": "link to nothing",
        "p1": "ROS 2 bag",
    }
