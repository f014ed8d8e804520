"""Tests of what reports are made of, without a database."""
