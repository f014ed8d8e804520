"""Tests of the ledger's functional core: no I/O."""

import pytest

# Its assertions show their values when they fail, like those of a test.
pytest.register_assert_rewrite("tests.unit.services.ledger.assertions")
