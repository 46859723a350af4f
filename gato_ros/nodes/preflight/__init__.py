"""What is on the wire, gathered for the preflight."""
