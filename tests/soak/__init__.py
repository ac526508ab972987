"""
Long runs, as programs: each has a bound on its time and prints what came of it.
"""
