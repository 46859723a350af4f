"""Parts of guard_node."""
