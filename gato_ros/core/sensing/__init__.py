"""From what a sensor says to the numbers of an observation."""
