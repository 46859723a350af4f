"""Configuration, step, loop and evaluation of training."""
