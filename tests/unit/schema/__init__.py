"""Unit tests of the schema and its HTTP side."""
