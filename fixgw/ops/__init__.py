"""The command line, the supervisor, logs."""
