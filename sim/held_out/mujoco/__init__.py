"""The world `mujoco`: after the start MuJoCo computes what moves. Only this folder imports that package."""
