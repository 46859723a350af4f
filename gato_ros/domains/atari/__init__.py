"""Atari games (the Arcade Learning Environment, Bellemare et al. 2013), through `ale_py`."""
