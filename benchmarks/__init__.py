"""
What txZMQ costs, beside other ways to use ZeroMQ from Python.

``python -m benchmarks --help``; the tables in :mod:`benchmarks.workloads` say
what is measured.
"""
