"""Tortoise migrations, in order of their numbers."""
