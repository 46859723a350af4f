"""The scripted stacker."""

from gato_ros.sim.expert.stacking import PLAN_KEY, PLAN_NAMES, StackingExpert

__all__ = ["PLAN_KEY", "PLAN_NAMES", "StackingExpert"]
