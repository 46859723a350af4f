"""Collection and evaluation in domains other than the robot's own."""
