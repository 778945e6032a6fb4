"""The shapes of what comes back, each read by itself; `read_report` joins them."""
