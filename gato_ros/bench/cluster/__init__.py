"""Work on a cluster whose workers and nodes are killed."""
