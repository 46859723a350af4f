"""A policy in another process or on another machine: the bytes between, the server, and the policy that asks it."""
