"""Clients from npm: the real ones that people use, run against a real server."""
