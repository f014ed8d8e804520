"""The second factor: setting it up, and doing without it again."""

import strawberry


@strawberry.input(description="Who sets up a second factor.")
class StartTotpInput:
    """Input of startTotp."""

    password: str = strawberry.field(description="The account's password.")


@strawberry.type(description="For an authenticator; confirmTotp follows.")
class StartTotpPayload:
    """Answer of startTotp."""

    secret: str = strawberry.field(description="To be typed: Base32.")
    uri: str = strawberry.field(description="To be scanned as a QR code: otpauth://totp/…")


@strawberry.input(description="What shows that the authenticator knows the secret.")
class ConfirmTotpInput:
    """Input of confirmTotp."""

    code: str = strawberry.field(description="Six digits.")


@strawberry.type(description="From now on login asks for a code; all other sessions have ended.")
class ConfirmTotpPayload:
    """Answer of confirmTotp."""

    recovery_codes: list[str] = strawberry.field(
        description="Each in place of a code, once. Shown this once: only their hashes are kept."
    )
    sessions_ended: int = strawberry.field(description="How many others there were.")


@strawberry.input(description="Who does without a second factor again.")
class DisableTotpInput:
    """Input of disableTotp."""

    password: str = strawberry.field(description="The account's password.")
    code: str = strawberry.field(description="Of the authenticator, or a recovery code.")


@strawberry.type(description="Login asks for the password alone.")
class DisableTotpPayload:
    """Answer of disableTotp."""

    totp_enabled: bool = strawberry.field(description="False.")
