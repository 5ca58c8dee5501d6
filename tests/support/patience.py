"""How long a test waits for what comes at once, or never.

A wait ends with what it waits for, so generosity costs only a test that fails: the bound is half
of a test's own, on a machine much slower than any that we know.
"""

from datetime import timedelta

SOON_SECONDS = 60.0
SOON = timedelta(seconds=SOON_SECONDS)
