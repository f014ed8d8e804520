"""
The load and comparison harness: how fast the wallet is, beside others that do the same work.

``python -m bench`` runs it. README.md says what is compared, and what is fair about it.
"""
