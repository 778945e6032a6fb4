"""Decisions about many emails at once."""
