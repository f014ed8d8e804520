"""Tests of services, as far as they do no I/O."""
