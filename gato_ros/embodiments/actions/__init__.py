"""The parts of an action: what a policy of this robot commands, each part by its key."""
