"""Unit tests do no I/O; hypothesis remembers nothing between runs and keeps no deadline."""

from hypothesis import settings

# A busy machine is slow now and then; what is measured here is behaviour.
settings.register_profile("unit", deadline=None, database=None)
settings.load_profile("unit")
