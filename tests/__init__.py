"""The tests: unit (no I/O), integration (services on real servers), e2e (over HTTP)."""
