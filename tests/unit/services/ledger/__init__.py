"""Tests of the ledger's functional core: no I/O."""
