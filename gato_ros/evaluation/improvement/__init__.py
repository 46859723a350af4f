"""A policy that learns from its own episodes, by how they ended: rounds of driving, learning and measuring."""
