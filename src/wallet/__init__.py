"""Wallet: a double-entry wallet backend behind one GraphQL API."""

__version__ = "0.1.0"
