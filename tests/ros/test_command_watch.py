"""Who counts as a robot that carries commands out."""

import pytest

from gato_ros.nodes.guard.command_watch import UNKNOWN, robot_among


@pytest.mark.parametrize(
    ("listeners", "there"),
    [
        ([], False),
        (["driver"], True),
        (["incident_node"], False),
        (["incident_node", "driver"], True),
        # A subscription may be found before its node: that is not yet a robot, and not yet none.
        ([UNKNOWN], None),
        (["incident_node", UNKNOWN], None),
        (["driver", UNKNOWN], True),
    ],
)
def test_observers_are_no_robot(listeners, there):
    assert robot_among(listeners) is there
