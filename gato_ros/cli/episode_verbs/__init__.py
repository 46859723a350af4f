"""The verbs of `episodes`."""
