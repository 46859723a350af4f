"""Episodes in the formats of others."""
