"""Unit tests do no I/O, and nothing in them depends on how fast the machine is."""

import os

from hypothesis import settings

# No deadline: a busy machine is slow now and then. No database: a run is the same
# whatever failed before it. HYPOTHESIS_PROFILE=thorough looks much longer.
settings.register_profile("unit", deadline=None, database=None, max_examples=40)
settings.register_profile("thorough", deadline=None, database=None, max_examples=3_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "unit"))
