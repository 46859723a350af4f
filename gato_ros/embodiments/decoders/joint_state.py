"""sensor_msgs/JointState: any joints by their names, in any order, beside any others."""

from __future__ import annotations

from typing import Any

from gato_ros.embodiments.decoders.decoder import Decoder, Field, OtherDevice, Refused

KINDS = ("position", "velocity", "effort")


def _prepare(message: Any, wanted: tuple[Field, ...]) -> None:
    names = list(message.name)
    asked = [one.path.split(".", 1) for one in wanted]
    if not {name for _, name in asked} & set(names):
        missing = ", ".join(dict.fromkeys(name for _, name in asked))
        raise OtherDevice(f"no {missing} among {', '.join(names) or 'no names'}")
    if len(set(names)) != len(names):
        raise Refused(f"a joint name is doubled in {names}")
    for kind in dict.fromkeys(kind for kind, _ in asked):
        if len(getattr(message, kind)) != len(names):
            raise Refused(f"{len(names)} names but {len(getattr(message, kind))} values of {kind}")
    if missing := [f"{kind} of {name}" for kind, name in asked if name not in names]:
        raise Refused(f"no {', '.join(missing)}")


def _number(message: Any, path: str) -> float:
    kind, name = path.split(".", 1)
    return float(getattr(message, kind)[list(message.name).index(name)])


JOINT_STATE = Decoder(
    "sensor_msgs/msg/JointState", dict.fromkeys(KINDS, "named"), stamped=True, prepare=_prepare, number=_number
)
