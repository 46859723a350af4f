"""Processes, parameters and the life cycle that all nodes share."""
