"""The RGB-stacking world. Imported as gato_ros.sim; the only place that imports pybullet.

`gymnasium.make("gato_ros.sim:gato_ros/RgbStacking-v0", objects="cubes")` makes the environment.
"""

if __name__ != "gato_ros.sim":
    # The folder lies at the checkout's top level, too: under a second name every class would exist twice.
    raise ImportError(f"expected `import gato_ros.sim`; got `import {__name__}`; write gato_ros. before it")

import gymnasium  # noqa: E402

if "gato_ros/RgbStacking-v0" not in gymnasium.registry:
    gymnasium.register("gato_ros/RgbStacking-v0", entry_point="gato_ros.sim.env:RgbStackingEnv")
