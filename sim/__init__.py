"""The RGB-stacking world. Imported as gato_ros.sim; the only place that imports pybullet.

`gymnasium.make("gato_ros.sim:gato_ros/RgbStacking-v0", objects="cubes")` makes the environment.
"""

import gymnasium

if "gato_ros/RgbStacking-v0" not in gymnasium.registry:
    gymnasium.register("gato_ros/RgbStacking-v0", entry_point="gato_ros.sim.env:RgbStackingEnv")
