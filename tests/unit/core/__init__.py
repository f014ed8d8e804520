"""Tests of core: no I/O."""
