"""The version of the package, in the one place that says it. Rooms read it here, not from the front door above them."""

__version__ = "0.2.0"
