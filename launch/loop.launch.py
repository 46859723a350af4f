"""The whole loop: policy_node, guard_node and incident_node, with sim_node as the robot or beside a real driver.

ros2 launch gato_ros loop.launch.py policy:=/path/to/weights objects:=cubes seed:=0 gui:=true
ros2 launch gato_ros loop.launch.py policy:=/path/to/weights robot:=driver teleop:=joy
Stop it with SIGINT: on SIGTERM `ros2 launch` leaves its nodes running.
"""

from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from gato_ros.embodiments import load_embodiment
from gato_ros.nodes.plan import loop_plan
from gato_ros.sim.task import stack_task
from launch import LaunchDescription

ARGUMENTS = {
    "robot": ("sim", "sim, or `driver`: no simulator, and the guard waits for ~/reset"),
    "policy": ("hold", "directory of weights, or `hold`"),
    "prompt": ("", "episode file that the policy follows, if any"),
    "task": ("red_on_blue", "or blue_on_green: what goes on what in the simulator"),
    "text": ("", "what a policy that reads texts is told; nothing: the task in words"),
    "embodiment": ("sawyer_rgb_stacking", "contract: name of a shipped one, or path of a YAML file"),
    "objects": ("cubes", "cubes, triplet1 .. triplet5, train"),
    "seed": ("0", "seed of the first episode"),
    "gui": ("false", "true: show the simulator's window"),
    "lockstep": ("false", "true: simulated time, one step per command"),
    "incidents": ("true", "false: do not keep the last 30 s to write them when the guard latches"),
    "teleop": ("none", "joy, spacemouse, or in the simulator expert: who may take over (a keyboard needs a terminal "
               "of its own: ros2 run gato_ros teleop_node)"),
    "namespace": ("", "namespace of this robot; nothing: the contract's"),
}
CHOICES = {"robot": ["sim", "driver"], "teleop": ["none", "joy", "spacemouse", "expert"]}
FOLLOW_CLOCK = ("guard_node", "policy_node", "teleop_node")
"""sim_node makes the time; incident_node keeps the wall's."""


def _nodes(context):
    value = {name: LaunchConfiguration(name).perform(context) for name in ARGUMENTS}
    simulated, lockstep = value["robot"] == "sim", value["lockstep"] == "true"
    prompt = {"prompt": value["prompt"]} if value["prompt"] else {}  # else the file's
    same = {"embodiment": value["embodiment"]}
    namespace = value["namespace"] or load_embodiment(value["embodiment"]).wire.namespace
    settings = {
        "guard_node": {"start_armed": simulated, **same},
        "policy_node": {"policy": value["policy"], "task": value["text"] or stack_task(value["task"]).text, **prompt,
                        **same},
        "sim_node": {"objects": value["objects"], "task": value["task"], "seed": int(value["seed"]),
                     "gui": value["gui"] == "true", "lockstep": lockstep,
                     "ground_truth": value["teleop"] == "expert", **same},
        "teleop_node": {"device": "joy" if value["teleop"] == "none" else value["teleop"], "task": value["task"],
                        **same},
    }
    without = [name for name, wanted in (("sim_node", simulated), ("incident_node", value["incidents"] == "true"))
               if not wanted]
    return [Node(package="gato_ros", executable=plan.name, name=plan.name, namespace=plan.namespace, output="screen",
                 parameters=[str(plan.parameter_file),
                             {**plan.parameters, "use_sim_time": lockstep and plan.name in FOLLOW_CLOCK}])
            for plan in loop_plan(settings, namespace=namespace, without=without,
                                  also=() if value["teleop"] == "none" else ("teleop_node",))]


def generate_launch_description():
    declared = [DeclareLaunchArgument(name, default_value=default, description=text,
                                      choices=CHOICES.get(name))
                for name, (default, text) in ARGUMENTS.items()]
    return LaunchDescription([*declared, OpaqueFunction(function=_nodes)])
