"""The parts of `replay`, one per layer of the loop."""
