"""Episodes on the machines of a cluster."""
