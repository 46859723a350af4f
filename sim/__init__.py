"""The RGB-stacking world. Imported as gato_ros.sim; the only place that imports pybullet."""
