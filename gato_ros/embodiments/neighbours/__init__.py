"""Other arms that a contract names: their contracts, where they stand, and where they are."""
