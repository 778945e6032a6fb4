"""The operator's pages: each module declares those of one group."""
