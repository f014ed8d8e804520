"""A client of the public API, over HTTP, with the documents that the tests send."""

from dataclasses import dataclass
from typing import Any, Self
from uuid import uuid4

import httpx

from tests.support.waiting import until

PASSWORD = "correct horse battery staple"

_WALLET = "id currency label status balance { amount } held { amount } available { amount }"
_OPERATION = """
    id kind status amount { amount currency } description metadata errorCode createdAt completedAt
    source { walletId currency holder } target { walletId currency holder }
    exchange { rate amount { amount currency } converted { amount currency } }
    returned { amount currency } parentId expiresAt scheduledFor
"""
_ERROR = "... on Error { code message retryable }"
_RECORDED = f"operation {{ {_OPERATION} }}"
_SESSION = "session { accessToken refreshToken expiresAt }"

SIGNUP = f"""
mutation Signup($input: SignupInput!) {{ signup(input: $input) {{ __typename {_ERROR}
    ... on SignupPayload {{ user {{ id email createdAt }} wallet {{ {_WALLET} }} {_SESSION}
        deviceToken }}
    ... on InvalidInput {{ field }} ... on RateLimited {{ retryAfterSeconds }} }} }}
"""
LOGIN = f"""
mutation Login($input: LoginInput!) {{ login(input: $input) {{ __typename {_ERROR}
    ... on LoginPayload {{ user {{ id email }} {_SESSION} deviceToken }}
    ... on RateLimited {{ retryAfterSeconds }} }} }}
"""
REFRESH = f"""
mutation Refresh($input: RefreshSessionInput!) {{ refreshSession(input: $input) {{
    __typename {_ERROR} ... on RefreshSessionPayload {{ {_SESSION} }} }} }}
"""
LOGOUT = f"""
mutation Logout($input: LogoutInput!) {{ logout(input: $input) {{
    __typename {_ERROR} ... on LogoutPayload {{ sessionsEnded }} }} }}
"""
END_SESSION = f"""
mutation EndSession($input: EndSessionInput!) {{ endSession(input: $input) {{
    __typename {_ERROR} ... on NotFound {{ field }}
    ... on EndSessionPayload {{ sessionId }} }} }}
"""
CHANGE_PASSWORD = f"""
mutation ChangePassword($input: ChangePasswordInput!) {{ changePassword(input: $input) {{
    __typename {_ERROR} ... on InvalidInput {{ field }}
    ... on RateLimited {{ retryAfterSeconds }}
    ... on ChangePasswordPayload {{ sessionsEnded }} }} }}
"""
START_TOTP = f"""
mutation StartTotp($input: StartTotpInput!) {{ startTotp(input: $input) {{
    __typename {_ERROR} ... on StartTotpPayload {{ secret uri }} }} }}
"""
CONFIRM_TOTP = f"""
mutation ConfirmTotp($input: ConfirmTotpInput!) {{ confirmTotp(input: $input) {{
    __typename {_ERROR} ... on RateLimited {{ retryAfterSeconds }}
    ... on ConfirmTotpPayload {{ recoveryCodes sessionsEnded }} }} }}
"""
DISABLE_TOTP = f"""
mutation DisableTotp($input: DisableTotpInput!) {{ disableTotp(input: $input) {{
    __typename {_ERROR} ... on DisableTotpPayload {{ totpEnabled }} }} }}
"""
_API_KEY = "id name prefix scopes createdAt expiresAt lastUsedAt"
CREATE_API_KEY = f"""
mutation CreateApiKey($input: CreateApiKeyInput!) {{ createApiKey(input: $input) {{
    __typename {_ERROR} ... on InvalidInput {{ field }}
    ... on CreateApiKeyPayload {{ secret apiKey {{ {_API_KEY} }} }} }} }}
"""
REVOKE_API_KEY = f"""
mutation RevokeApiKey($input: RevokeApiKeyInput!) {{ revokeApiKey(input: $input) {{
    __typename {_ERROR} ... on NotFound {{ field }}
    ... on RevokeApiKeyPayload {{ apiKey {{ {_API_KEY} }} }} }} }}
"""
API_KEYS = f"{{ viewer {{ apiKeys {{ {_API_KEY} }} }} }}"
SESSIONS = """
{ viewer { sessions { id createdAt lastUsedAt expiresAt userAgent current } } }
"""
OPEN_WALLET = f"""
mutation OpenWallet($input: OpenWalletInput!) {{ openWallet(input: $input) {{ __typename {_ERROR}
    ... on OpenWalletPayload {{ wallet {{ {_WALLET} }} }} ... on InvalidInput {{ field }} }} }}
"""
# Where the contract has one field nullable here and not null there, aliases keep them apart.
_MOVED = f"""
    __typename {_ERROR}
    ... on OperationPayload {{ done: operation {{ {_OPERATION} }} wallet {{ {_WALLET} }} replayed }}
    ... on InvalidInput {{ field }} ... on NotFound {{ field }}
    ... on CurrencyMismatch {{ expected }}
    ... on WalletUnavailable {{ status walletId until failed: {_RECORDED} }}
    ... on LimitExceeded {{ limit until failed: {_RECORDED} }}
"""
TOPUP = f"mutation Topup($input: TopupInput!) {{ topup(input: $input) {{ {_MOVED} }} }}"
_FUNDS = f"... on InsufficientFunds {{ available {{ amount currency }} failed: {_RECORDED} }}"
WITHDRAW = f"""
mutation Withdraw($input: WithdrawInput!) {{ withdraw(input: $input) {{ {_MOVED} {_FUNDS} }} }}
"""
_TRANSFERRED = f"""
    {_MOVED} {_FUNDS}
"""
TRANSFER = f"""
mutation Transfer($input: TransferInput!) {{ transfer(input: $input) {{ {_TRANSFERRED} }} }}
"""
_OVER = "... on NotPending { over: status }"
HOLD = f"mutation Hold($input: HoldInput!) {{ hold(input: $input) {{ {_TRANSFERRED} }} }}"
CAPTURE_HOLD = f"""
mutation CaptureHold($input: CaptureHoldInput!) {{ captureHold(input: $input) {{
    {_MOVED} {_OVER} }} }}
"""
_ENDED = f"""
    __typename {_ERROR}
    ... on OperationPayload {{ done: operation {{ {_OPERATION} }} wallet {{ {_WALLET} }} replayed }}
    ... on InvalidInput {{ field }} ... on NotFound {{ field }} {_OVER}
"""
VOID_HOLD = f"""
mutation VoidHold($input: VoidHoldInput!) {{ voidHold(input: $input) {{ {_ENDED} }} }}
"""
CANCEL_TRANSFER = f"""
mutation CancelTransfer($input: CancelTransferInput!) {{
    cancelTransfer(input: $input) {{ {_ENDED} }} }}
"""
REVERSE = f"""
mutation Reverse($input: ReverseInput!) {{ reverse(input: $input) {{ {_TRANSFERRED} }} }}
"""
_LIMITS = """
    outflowMax { amount currency } outflow24hMax { amount } outflow24hUsed { amount }
    outflow24hLeft { amount } overdraft { amount }
"""
_CHANGED = f"""
    __typename {_ERROR}
    ... on WalletPayload {{ wallet {{ {_WALLET} frozenUntil ownerId limits {{ {_LIMITS} }} }} }}
    ... on NotFound {{ field }}
    ... on WalletUnavailable {{ status walletId until failed: {_RECORDED} }}
"""
FREEZE_WALLET = f"""
mutation FreezeWallet($input: FreezeWalletInput!) {{ freezeWallet(input: $input) {{
    {_CHANGED} ... on InvalidInput {{ field }} }} }}
"""
UNFREEZE_WALLET = f"""
mutation UnfreezeWallet($input: UnfreezeWalletInput!) {{
    unfreezeWallet(input: $input) {{ {_CHANGED} }} }}
"""
CLOSE_WALLET = f"""
mutation CloseWallet($input: CloseWalletInput!) {{ closeWallet(input: $input) {{
    {_CHANGED} ... on WalletNotEmpty {{ balance {{ amount }} held {{ amount }} }} }} }}
"""
SET_WALLET_LIMITS = f"""
mutation SetWalletLimits($input: SetWalletLimitsInput!) {{ setWalletLimits(input: $input) {{
    __typename {_ERROR} ... on InvalidInput {{ field }} ... on NotFound {{ field }}
    ... on WalletUnavailable {{ status walletId }}
    ... on SetWalletLimitsPayload {{ wallet {{ {_WALLET} }} limits {{ {_LIMITS} }} }} }} }}
"""
LIMITS = f"query Limits($id: ID!) {{ wallet(id: $id) {{ limits {{ {_LIMITS} }} }} }}"
REQUEST_REPORT = f"""
mutation RequestReport($input: RequestReportInput!) {{ requestReport(input: $input) {{
    __typename {_ERROR} ... on InvalidInput {{ field }} ... on NotFound {{ field }}
    ... on RateLimited {{ retryAfterSeconds }}
    ... on RequestReportPayload {{ report {{ url format rowCount expiresAt }}
                                   done: operation {{ {_OPERATION} }} }} }} }}
"""
_CAUSE = f"""
    __typename code message retryable ... on InvalidInput {{ field }} ... on NotFound {{ field }}
    ... on CurrencyMismatch {{ expected }} ... on WalletUnavailable {{ status failed: {_RECORDED} }}
    ... on InsufficientFunds {{ available {{ amount currency }} failed: {_RECORDED} }}
"""
TRANSFER_BATCH = f"""
mutation TransferBatch($input: TransferBatchInput!) {{ transferBatch(input: $input) {{
    __typename {_ERROR} ... on InvalidInput {{ field }}
    ... on BatchRejected {{ index cause {{ {_CAUSE} }} }}
    ... on TransferBatchPayload {{ results {{ {_TRANSFERRED} }} }} }} }}
"""
_QUOTE = "id rate amount { amount currency } converted { amount currency } expiresAt"
CREATE_QUOTE = f"""
mutation CreateQuote($input: CreateQuoteInput!) {{ createQuote(input: $input) {{
    __typename {_ERROR} ... on InvalidInput {{ field }}
    ... on CreateQuotePayload {{ quote {{ {_QUOTE} }} }} }} }}
"""
QUOTE = f"query Quote($id: ID!) {{ node(id: $id) {{ __typename ... on Quote {{ {_QUOTE} }} }} }}"
EXCHANGE_RATE = """
query ExchangeRate($base: Currency!, $quote: Currency!, $at: DateTime) {
    exchangeRate(base: $base, quote: $quote, at: $at) { base quote rate asOf source } }
"""
WALLET = f"query Wallet($id: ID!) {{ wallet(id: $id) {{ {_WALLET} }} }}"
OPERATION = f"query Operation($id: ID!) {{ operation(id: $id) {{ {_OPERATION} }} }}"
_LOOKED_UP_WALLET = f"""
    {_WALLET} ownerId frozenUntil limits {{ {_LIMITS} }} balanceAt(at: $now) {{ amount }}
    scheduledTransfers {{ {_OPERATION} }}
    operations(first: $first) {{ totalCount edges {{ sequence node {{ {_OPERATION} }} }} }}
"""
LOOK_UP_USER = f"""
query LookUpUser($id: ID, $email: String, $first: Int = 20, $now: DateTime!) {{ lookup {{
    user(id: $id, email: $email) {{ id email createdAt
        wallets {{ totalCount edges {{ node {{ {_LOOKED_UP_WALLET} }} }} }} }} }} }}
"""
LOOK_UP_WALLET = f"""
query LookUpWallet($id: ID!, $first: Int = 20, $now: DateTime!) {{ lookup {{
    wallet(id: $id) {{ {_LOOKED_UP_WALLET} }} }} }}
"""
LOOK_UP_OPERATION = f"""
query LookUpOperation($id: ID!) {{ lookup {{ operation(id: $id) {{ {_OPERATION} }} }} }}
"""
STATEMENT = f"""
query Statement($id: ID!, $first: Int, $after: String, $last: Int, $before: String,
                $where: OperationFilter) {{
    wallet(id: $id) {{ {_WALLET}
        operations(first: $first, after: $after, last: $last, before: $before, where: $where) {{
            totalCount pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }}
            edges {{ cursor sequence amount {{ amount }} balanceAfter {{ amount }}
                     node {{ {_OPERATION} }} }} }} }} }}
"""


@dataclass(slots=True)
class Account:
    """A signed-up user with its first wallet."""

    api: "Api"
    email: str
    user_id: str
    wallet_id: str
    currency: str
    refresh_token: str


class Api:
    """
    Sends documents to one server, as one user or as nobody.

    Args:
        url: Where the server is, without a path.
        access_token: Sent with every request; None sends none.
    """

    def __init__(
        self, url: str, *, client: httpx.AsyncClient, access_token: str | None = None
    ) -> None:
        self.url = url
        self.client = client
        self.access_token = access_token

    def at(self, url: str) -> Self:
        """Return the same user's client at another server."""
        return type(self)(url, client=self.client, access_token=self.access_token)

    def signed_in(self, access_token: str | None) -> Self:
        """Return the same server's client with another token."""
        return type(self)(self.url, client=self.client, access_token=access_token)

    async def post(self, document: str, **variables: Any) -> dict[str, Any]:
        """Send a document; return the whole answer, errors and all."""
        response = await self.send({"query": document, "variables": variables})
        answer: dict[str, Any] = response.json()
        return answer

    async def send(self, body: object) -> httpx.Response:
        """Send any JSON body to the endpoint."""
        headers = {"Authorization": f"Bearer {self.access_token}"} if self.access_token else {}
        return await self.client.post(f"{self.url}/graphql", json=body, headers=headers)

    async def send_bytes(
        self, content: bytes, *, content_type: str = "application/json"
    ) -> httpx.Response:
        """Send what may be no JSON at all."""
        headers = {"Content-Type": content_type}
        if self.access_token:
            headers["Authorization"] = f"Bearer {self.access_token}"
        return await self.client.post(f"{self.url}/graphql", content=content, headers=headers)

    async def run(self, document: str, **variables: Any) -> Any:
        """Send a document with one root field; return that field, where nothing went wrong."""
        answer = await self.post(document, **variables)
        assert "errors" not in answer, answer["errors"]
        (field,) = answer["data"].values()
        return field

    async def settle(self, document: str, **input_: Any) -> Any:
        """Send a mutation until it is answered for good, as people do on a loaded machine."""
        answer: dict[str, Any] = {}

        async def is_settled() -> bool:
            nonlocal answer
            answer = await self.post(document, input={"idempotencyKey": key, **input_})
            if "errors" in answer:
                (code,) = {error["extensions"]["code"] for error in answer["errors"]}
                assert code == "SERVICE_UNAVAILABLE", answer
                return False
            (answer,) = answer["data"].values()
            return bool(answer["__typename"] != "Busy")

        key = uuid4().hex
        await until(is_settled)
        return answer

    async def signup(
        self, *, email: str | None = None, currency: str = "EUR", password: str = PASSWORD
    ) -> Account:
        """Sign up a new user."""
        email = email or f"{uuid4().hex}@example.com"
        answer = await self.run(
            SIGNUP, input={"email": email, "password": password, "currency": currency}
        )
        assert answer["__typename"] == "SignupPayload", answer
        return Account(
            api=self.signed_in(answer["session"]["accessToken"]),
            email=email,
            user_id=answer["user"]["id"],
            wallet_id=answer["wallet"]["id"],
            currency=currency,
            refresh_token=answer["session"]["refreshToken"],
        )

    async def topup(
        self, wallet_id: str, amount: str, *, currency: str = "EUR", **more: Any
    ) -> Any:
        """Top up a wallet; *more* are further fields of the input."""
        return await self.run(
            TOPUP,
            input={
                "walletId": wallet_id,
                "amount": {"amount": amount, "currency": currency},
                "idempotencyKey": uuid4().hex,
                **more,
            },
        )

    async def withdraw(
        self, wallet_id: str, amount: str, *, currency: str = "EUR", **more: Any
    ) -> Any:
        """Take money out of a wallet; *more* are further fields of the input."""
        return await self.run(
            WITHDRAW,
            input={
                "walletId": wallet_id,
                "amount": {"amount": amount, "currency": currency},
                "idempotencyKey": uuid4().hex,
                **more,
            },
        )

    async def transfer(
        self, source: str, target: str, amount: str, *, currency: str = "EUR", **more: Any
    ) -> Any:
        """Transfer between wallets; *more* are further fields of the input."""
        return await self.run(
            TRANSFER,
            input={
                "sourceWalletId": source,
                "targetWalletId": target,
                "amount": {"amount": amount, "currency": currency},
                "idempotencyKey": uuid4().hex,
                **more,
            },
        )

    async def hold(
        self, source: str, target: str, amount: str, *, currency: str = "EUR", **more: Any
    ) -> Any:
        """Reserve money for a target; *more* are further fields of the input."""
        return await self.run(
            HOLD,
            input={
                "sourceWalletId": source,
                "targetWalletId": target,
                "amount": {"amount": amount, "currency": currency},
                "idempotencyKey": uuid4().hex,
                **more,
            },
        )

    async def follow(
        self, document: str, operation_id: str, amount: str | None = None, **more: Any
    ) -> Any:
        """Capture, void, cancel or reverse an operation; *amount* is in euro."""
        if amount is not None:
            more = {"amount": {"amount": amount, "currency": "EUR"}, **more}
        return await self.run(
            document,
            input={"operationId": operation_id, "idempotencyKey": uuid4().hex, **more},
        )

    async def create_quote(self, amount: str, to: str, *, currency: str = "EUR") -> Any:
        """Ask for a quote."""
        return await self.run(
            CREATE_QUOTE, input={"amount": {"amount": amount, "currency": currency}, "to": to}
        )

    async def freeze(self, wallet_id: str, **more: Any) -> Any:
        """Freeze a wallet; *more* are further fields of the input."""
        return await self.run(FREEZE_WALLET, input={"walletId": wallet_id, **more})

    async def unfreeze(self, wallet_id: str) -> Any:
        """End the freeze of a wallet."""
        return await self.run(UNFREEZE_WALLET, input={"walletId": wallet_id})

    async def close(self, wallet_id: str) -> Any:
        """Close a wallet."""
        return await self.run(CLOSE_WALLET, input={"walletId": wallet_id})

    async def set_limits(self, wallet_id: str, **limits: str | None) -> Any:
        """Set limits of a wallet, by the names of the input's fields."""
        return await self.run(SET_WALLET_LIMITS, input={"walletId": wallet_id, **limits})

    async def limits(self, wallet_id: str) -> Any:
        """Read the limits of one's wallet."""
        return (await self.run(LIMITS, id=wallet_id))["limits"]

    async def request_report(self, wallet_id: str, format_: str = "CSV", **where: Any) -> Any:
        """Ask for a report; *where* is its filter."""
        return await self.run(
            REQUEST_REPORT,
            input={"walletId": wallet_id, "format": format_, "where": where or None},
        )

    async def operation(self, operation_id: str) -> Any:
        """Look an operation up."""
        return await self.run(OPERATION, id=operation_id)

    async def transfer_batch(self, transfers: list[dict[str, Any]], *, mode: str = "ATOMIC") -> Any:
        """Send a batch of the inputs of transfers."""
        return await self.run(TRANSFER_BATCH, input={"transfers": transfers, "mode": mode})

    async def open_wallet(self, *, currency: str = "EUR", **more: Any) -> Any:
        """Open a further wallet; *more* are further fields of the input."""
        return await self.run(
            OPEN_WALLET, input={"currency": currency, "idempotencyKey": uuid4().hex, **more}
        )

    async def statement(self, wallet_id: str, **arguments: Any) -> Any:
        """Read a page of a wallet's statement, with the wallet."""
        return await self.run(STATEMENT, id=wallet_id, **arguments)

    async def balance(self, wallet_id: str) -> str:
        """Read a wallet's balance."""
        wallet = await self.run(WALLET, id=wallet_id)
        return str(wallet["balance"]["amount"])
