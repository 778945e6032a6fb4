"""Bounces: what comes back for an email after a server has accepted it."""
