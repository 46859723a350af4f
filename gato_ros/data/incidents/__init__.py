"""Incidents on disk: the last seconds before a latch."""
