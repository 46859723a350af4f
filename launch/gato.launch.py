"""The whole loop, brought up in order: robot, guard, policy, and beside them recorders, an operator, a view.

ros2 launch gato_ros gato.launch.py                                            # the simulator and a policy that stands
ros2 launch gato_ros gato.launch.py policy:=/path/to/weights objects:=triplet4 seed:=3 gui:=true
ros2 launch gato_ros gato.launch.py robot:=sawyer policy:=/path/to/weights shadow:=true teleop:=joy record:=true
ros2 launch gato_ros gato.launch.py --show-args

Which nodes, parameters and remaps: gato_ros/nodes/runtime/launch_plan.py. Stop it with SIGINT. `ros2 launch` leaves its
nodes running when it gets SIGTERM or dies; ours end then by themselves.
"""

from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from launch.actions import DeclareLaunchArgument, LogInfo, OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from gato_ros.nodes.runtime.die_with_parent import ENVIRONMENT
from gato_ros.nodes.runtime.launch_plan import ARGUMENTS, launch_plan, programs
from launch import LaunchDescription


def _node(plan):
    return Node(
        package="gato_ros",
        executable=plan.name,
        name=plan.name,
        namespace=plan.namespace,
        output="screen",
        parameters=[str(plan.parameter_file), plan.parameters],
        remappings=list(plan.remaps.items()),
        additional_env={ENVIRONMENT: "1"},
    )


def _program(program):
    try:
        get_package_prefix(program.package)
    except PackageNotFoundError:
        return LogInfo(
            msg=f"{program.package} is not installed here (apt: ros-$ROS_DISTRO-"
            f"{program.package.replace('_', '-')}); the topics are there for one elsewhere"
        )
    return Node(
        package=program.package,
        executable=program.executable,
        name=program.name,
        output="screen",
        namespace=program.namespace,
        parameters=[],
        arguments=list(program.arguments),
    )


def _actions(context):
    value = {name: LaunchConfiguration(name).perform(context) for name in ARGUMENTS}
    return [*map(_node, launch_plan(value)), *map(_program, programs(value))]


def generate_launch_description():
    declared = [
        DeclareLaunchArgument(
            name, default_value=argument.default, description=argument.about, choices=argument.choices or None
        )
        for name, argument in ARGUMENTS.items()
    ]
    return LaunchDescription([*declared, OpaqueFunction(function=_actions)])
