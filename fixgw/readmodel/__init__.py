"""Orders, executions, trades and positions as tables. See ``spec/readmodel.md``."""
