"""Two simulated robots side by side, each in a namespace of its own: gato.launch.py twice.

ros2 launch gato_ros two_robots.launch.py policy:=/path/to/weights objects:=triplet4
"""

from pathlib import Path

from launch.actions import DeclareLaunchArgument, GroupAction, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration

from gato_ros.nodes.runtime.launch_plan import ARGUMENTS
from launch import LaunchDescription

SIDES = {"left": "0", "right": "1"}
"""Namespace -> seed."""
SHARED = ("policy", "task", "objects", "lockstep", "incidents")


def generate_launch_description():
    declared = [
        DeclareLaunchArgument(
            name,
            default_value=ARGUMENTS[name].default,
            description=ARGUMENTS[name].about,
            choices=ARGUMENTS[name].choices or None,
        )
        for name in SHARED
    ]
    one = PythonLaunchDescriptionSource(str(Path(__file__).with_name("gato.launch.py")))
    given = {name: LaunchConfiguration(name) for name in SHARED}
    return LaunchDescription(
        [
            *declared,
            *(
                GroupAction(
                    [
                        IncludeLaunchDescription(
                            one, launch_arguments={**given, "namespace": side, "seed": seed, "clock": "clock"}.items()
                        )
                    ]
                )
                for side, seed in SIDES.items()
            ),
        ]
    )
