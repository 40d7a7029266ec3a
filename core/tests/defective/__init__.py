"""Components that break one rule each, and the suites that must find them out.

Nothing here is collected by pytest as it is: `planted.py` is run in a process of its own.
"""
