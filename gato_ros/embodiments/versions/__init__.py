"""The versions of a contract's schema: an older one is upgraded when it is read, and its digests go on to hold."""
