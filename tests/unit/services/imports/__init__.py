"""Tests of what an import reads: no I/O."""
