"""How the guard follows an arm's part of an action: from its values to the joint velocities that are wanted."""
