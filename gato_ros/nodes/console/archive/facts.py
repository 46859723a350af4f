"""What a row says of a file, and its thumbnail. A process of its own: a damaged file takes nobody with it.

It reads a JSON object {"kind", "path"} a line, and writes one of facts a line.
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path

import cv2
import numpy as np

from gato_ros.core.errors import SetupError
from gato_ros.data.messages import IMAGE, read_image

CAMERAS, HEIGHT_PX = 2, 96
LARGEST_RESULT = 64 << 20
"""A larger JSON file is no result of ours [bytes]."""
LONGEST = 300
"""Characters of a text in a row."""


def thumbnail(path: Path) -> bytes | None:
    """The last picture of each camera, side by side, as JPEG; None where there is none that can be read."""
    from mcap.reader import make_reader

    found: dict[str, np.ndarray] = {}
    try:
        with open(path, "rb") as file:
            reader = make_reader(file)
            summary = reader.get_summary()
            kinds = {number: schema.name for number, schema in summary.schemas.items()}
            cameras = sorted(one.topic for one in summary.channels.values() if kinds.get(one.schema_id) == IMAGE)
            cameras = cameras[:CAMERAS]
            # From the end: there it shows how it went, and one chunk is enough.
            for _, channel, message in reader.iter_messages(topics=cameras, reverse=True) if cameras else ():
                if channel.topic not in found:
                    found[channel.topic] = _small(read_image(message.data))
                if len(found) == len(cameras):
                    break
    # A picture less on a page; whether the file is whole says its row.
    except Exception:
        pass
    if not found:
        return None
    picture = np.hstack([found[topic] for topic in sorted(found)])
    return cv2.imencode(".jpg", np.ascontiguousarray(picture[:, :, ::-1]))[1].tobytes()


def _small(pixels: np.ndarray) -> np.ndarray:
    width = max(1, round(pixels.shape[1] * HEIGHT_PX / pixels.shape[0]))
    return cv2.resize(pixels, (width, HEIGHT_PX), interpolation=cv2.INTER_AREA)


def episode_facts(path: Path) -> dict:
    """An episode's row, from its summary and labels."""
    from gato_ros.data.episodes.summary import summarise

    one = summarise(path)
    return {
        "problem": one.problem,
        "seconds": round(one.duration_s, 1),
        "steps": one.steps,
        "success": one.success,
        "task": one.task,
        "driver": Path(one.driver).name,
        "note": str(one.history.latest("note") or ""),
    }


def incident_facts(path: Path) -> dict:
    """An incident's row, from its summary."""
    from gato_ros.data.episodes.message_stream import MessageStream
    from gato_ros.data.incidents.incident import FIX, WHAT

    about = MessageStream(path, WHAT, FIX).contents().metadata.get("incident")
    if about is None:
        return {"problem": "no record `incident`"}
    facts = {"problem": "", "seconds": about.get("span_s"), "robot": about.get("robot", "")}
    return {**facts, "reason": about.get("reason", ""), "lost": sum((about.get("lost") or {}).values())}


def report_facts(path: Path) -> dict | None:
    """The row of a page, or of an evaluation's result; None for a JSON file that is something else."""
    from gato_ros.evaluation.comparison import read_result

    if path.suffix == ".html":
        return {"problem": "", "page": True}
    if path.stat().st_size > LARGEST_RESULT:
        return None
    try:
        record = json.loads(path.read_text())
    except (ValueError, RecursionError) as error:
        return {"problem": f"not readable ({error})"}
    if not isinstance(record, dict) or not ({"episode_rows", "sets"} & record.keys()):
        return None
    result = read_result(path)
    conditions = [
        {"name": name, "episodes": len(rows), "successes": sum(one.success for one in rows)}
        for name, sets in result.conditions.items()
        for rows in [[one for block in sets.values() for one in block]]
    ]
    return {"problem": "", "page": False, "policy": Path(result.policy).name, "conditions": conditions}


def weights_facts(path: Path) -> dict:
    """The row of weights, from the record beside them: what they were made for. policy_node judges whether they fit."""
    record = path.with_name("config.json")
    if record.stat().st_size > LARGEST_RESULT:
        return {"name": path.parent.name, "problem": "config.json is too large"}
    found = json.loads(record.read_text())
    contracts = [str(one["name"]) for one in (found["embodiment"], *found.get("others", ()))]
    return {"name": path.parent.name, "problem": "", "contracts": contracts}


READERS = {
    "shipped": weights_facts,
    "weights": weights_facts,
    "episodes": episode_facts,
    "prompts": episode_facts,
    "incidents": incident_facts,
    "reports": report_facts,
}


def facts(kind: str, path: Path) -> dict | None:
    """The row; None for a file that is not of this kind. It never raises: a file that cannot be read says why."""
    try:
        found = READERS[kind](path)
    except SetupError as error:
        return {"problem": f"not readable ({error.got})"}
    except Exception as error:
        return {"problem": f"not readable ({type(error).__name__}: {error})"}
    if found is not None and kind in ("episodes", "incidents"):
        picture = thumbnail(path)
        found["picture"] = base64.b64encode(picture).decode() if picture else ""
    return found


def as_line(found: dict | None) -> str:
    """JSON that every reader takes: what stands in a file may be no number, or as long as somebody likes."""
    cut = lambda name, value: value[:LONGEST] if isinstance(value, str) and name != "picture" else value
    short = found and {name: cut(name, value) for name, value in found.items()}
    try:
        return json.dumps(short, allow_nan=False, default=str)
    except ValueError:
        return json.dumps({"problem": "not readable (a number that is none)"})


def main() -> int:
    for line in sys.stdin:
        asked = json.loads(line)
        print(as_line(facts(asked["kind"], Path(asked["path"]))), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
