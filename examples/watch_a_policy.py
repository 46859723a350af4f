"""A shipped policy stacks red on blue from pixels, and a film of it is written: watch_a_policy.py [FILE] [STEPS]."""

import sys

import gato_ros
from gato_ros.data.exports.video import write_film

policy = gato_ros.load_policy("sawyer_mastery")
env = gato_ros.make("rgb_stacking", policy=policy, render_mode="rgb_array")
observation, info = env.reset(seed=900_000)
policy.reset()
pictures = []
for _ in range(int(sys.argv[2]) if len(sys.argv) > 2 else 400):
    action = policy.act(env.unwrapped.observe()).action
    observation, reward, terminated, truncated, info = env.step(action.as_vector())
    pictures.append(env.render())
    if info["stacked"]:
        break
print(f"stacked: {info['stacked']} after {len(pictures)} steps")
write_film(sys.argv[1] if len(sys.argv) > 1 else "episode.mp4", pictures, rate_hz=20)
