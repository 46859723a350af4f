"""Two robots side by side, each in a namespace of its own: gato.launch.py twice.

ros2 launch gato_ros two_robots.launch.py policy:=/path/to/weights objects:=triplet4
ros2 launch gato_ros two_robots.launch.py left_embodiment:=sawyer_pair_left right_embodiment:=sawyer_pair_right
ros2 launch gato_ros two_robots.launch.py left_embodiment:=left.yaml right_embodiment:=right.yaml robot:=driver

What each loop gets: gato_ros/nodes/runtime/two_robots.py. Contracts that name each other are two arms over one table.
"""

from pathlib import Path

from launch.actions import DeclareLaunchArgument, GroupAction, IncludeLaunchDescription, OpaqueFunction
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration

from gato_ros.nodes.runtime.two_robots import TWO_ARGUMENTS, two_robots
from launch import LaunchDescription


def _loops(context):
    given = {name: LaunchConfiguration(name).perform(context) for name in TWO_ARGUMENTS}
    one = PythonLaunchDescriptionSource(str(Path(__file__).with_name("gato.launch.py")))
    return [
        GroupAction([IncludeLaunchDescription(one, launch_arguments=arguments.items())])
        for arguments in two_robots(given).values()
    ]


def generate_launch_description():
    declared = [
        DeclareLaunchArgument(
            name, default_value=argument.default, description=argument.about, choices=argument.choices or None
        )
        for name, argument in TWO_ARGUMENTS.items()
    ]
    return LaunchDescription([*declared, OpaqueFunction(function=_loops)])
