"""The installed package: `rowpost` on the command line. The service lies beside this file."""
