"""The errors that clients handle."""

import pytest

from wallet.core.errors import (
    BusyError,
    ErrorCode,
    IdempotencyConflictError,
    RateLimitedError,
    RequestError,
    WalletError,
)
from wallet.services.ledger.errors import BatchRejectedError, RecordedRefusalError

# What needs no more than to wait, and then the same request again.
RETRYABLE = {ErrorCode.BUSY, ErrorCode.RATE_LIMITED, ErrorCode.RATE_UNAVAILABLE}

# One is never raised itself, and the other has the code of its cause.
WITHOUT_CODE = {RecordedRefusalError, BatchRejectedError}


def families(base: type[Exception]) -> list[type[Exception]]:
    """Return all subclasses of *base* that are raised with a code of their own."""
    found = []
    for family in base.__subclasses__():
        found += [*([] if family in WITHOUT_CODE else [family]), *families(family)]
    return found


class TestWalletError:
    """WalletError, and what derives from it."""

    def test_every_code_is_raised(self) -> None:
        """Clients branch on the code: every error has its own, and every code has an error."""
        codes = {family.__dict__["code"] for family in families(WalletError)}

        assert codes == set(ErrorCode)

    @pytest.mark.parametrize("family", families(WalletError), ids=lambda family: family.__name__)
    def test_retryable(self, family: type[WalletError]) -> None:
        """Only what time alone can cure says that the same request can succeed later."""
        assert family.retryable is (family.code in RETRYABLE)

    @pytest.mark.parametrize(
        "family",
        [*families(WalletError), *families(RequestError)],
        ids=lambda family: family.__name__,
    )
    def test_says_when_it_is_raised(self, family: type[Exception]) -> None:
        """Every class's docstring starts by saying when it is raised."""
        assert (family.__doc__ or "").strip().startswith("Raised ")

    @pytest.mark.parametrize("cause", [BusyError(), IdempotencyConflictError()], ids=repr)
    def test_rejected_batch_is_what_its_cause_is(self, cause: WalletError) -> None:
        """It has the code of what stood in its way, and is retryable where that is."""
        error = BatchRejectedError(index=3, cause=cause)

        assert (error.code, error.retryable) == (cause.code, cause.retryable)
        assert error.message == f"Nothing moved: transfer 3 was refused. {cause.message}"

    def test_message_is_what_it_says(self) -> None:
        """The message for people is the exception's own text."""
        error = RateLimitedError(retry_after_s=7)

        assert error.message == str(error) == "Too many attempts; try again in 7 s."


class TestRequestError:
    """RequestError, and what derives from it."""

    def test_codes_are_not_those_of_types(self) -> None:
        """A top-level error is never mistaken for a member of a union."""
        codes = [family.__dict__["code"] for family in families(RequestError)]

        assert len(set(codes)) == len(codes)
        assert not set(codes) & {code.value for code in ErrorCode}
