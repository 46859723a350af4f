"""Stacking red on blue, or blue on green, with an arm: the paper's RGB-stacking benchmark."""
