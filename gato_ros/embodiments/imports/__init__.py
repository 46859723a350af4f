"""Contracts of other projects in the words of ours."""
