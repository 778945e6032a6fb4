"""What differs between the databases that Rowpost speaks to: a package each, one interface."""
