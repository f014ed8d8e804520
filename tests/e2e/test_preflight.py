"""An answer that cannot be given moves no money."""

import pytest

from tests.support.api import Api

_TOPUP = """
mutation Topup($input: TopupInput!, $first: Int, $after: String) {
    topup(input: $input) {
        ... on OperationPayload {
            wallet { operations(first: $first, after: $after) { totalCount } } } }
}
"""


class TestAnswerOfAMutation:
    """What a mutation's answer asks for is checked before it runs."""

    @pytest.mark.parametrize(
        "page", [{"first": 101}, {"first": 0}, {"after": "junk"}], ids=["101", "0", "cursor"]
    )
    async def test_unanswerable_page_moves_nothing(self, api: Api, page: dict[str, object]) -> None:
        """The client reads an error, and nothing has happened."""
        ada = await api.signup()
        request = {
            "walletId": ada.wallet_id,
            "amount": {"amount": "1.00", "currency": "EUR"},
            "idempotencyKey": "once",
        }

        refused = await ada.api.post(_TOPUP, input=request, **page)

        assert refused["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
        assert await ada.api.balance(ada.wallet_id) == "0.00"
        # The key is not burnt: the same request, mended, goes through.
        mended = await ada.api.run(_TOPUP, input=request, first=1)
        assert mended["wallet"]["operations"]["totalCount"] == 2
