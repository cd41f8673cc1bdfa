"""Figures of the processes as Prometheus metrics, made when somebody asks for them.

One module per process, each with one function from what the process counts to metrics.
``docs/metrics.md`` lists them all.
"""
