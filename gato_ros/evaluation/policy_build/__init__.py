"""A policy from nothing by a recipe: its stages, each done once, and the ledger of what is done."""
