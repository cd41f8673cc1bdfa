"""Drop copies: a client sees the ExecutionReports of others, live and on request."""
