"""The guard's mathematics: the last thing before the wire."""
