"""The commands about accounts: operators, second factors, and keys of operators' services."""

import re
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import click

from wallet.console import fail, read_settings, run_command

T = TypeVar("T")


@click.command("grant-operator")
@click.argument("email")
def grant_operator(email: str) -> None:
    """Make the account EMAIL an operator."""
    from wallet.services.accounts import grant_operator as grant
    from wallet.services.database import connected

    async def work() -> bool:
        async with connected(read_settings()):
            return await grant(email)

    if not run_command(work()):
        fail("There is no account with this address.")
    click.echo(f"{email} is an operator now.")


@click.command("disable-totp")
@click.argument("email")
def disable_totp(email: str) -> None:
    """Remove the second factor of EMAIL, who has lost it, and whom you know to be the owner."""
    from wallet.services.second_factors import remove_second_factor

    if not _as_user(email, remove_second_factor):
        fail("This account has no second factor.")
    click.echo(f"{email} signs in with the password alone.")


@click.command()
def reseal() -> None:
    """Seal second factors with SECRET_KEY, before an old key goes; exit 1 if one stays closed."""
    from wallet.services.database import connected
    from wallet.services.second_factors import reseal_secrets

    async def work() -> tuple[int, int]:
        settings = read_settings()
        async with connected(settings):
            return await reseal_secrets(keys=settings.keys)

    resealed, broken = run_command(work())
    click.echo(f"{resealed:,} second factors are sealed with SECRET_KEY.")
    if broken:
        fail(f"{broken:,} cannot be opened: their key is not in OTHER_SECRET_KEYS.")


@click.group("api-keys")
def api_keys() -> None:
    """Make, list and revoke the keys that operators' services sign in with."""


_as = click.option("--as", "email", required=True, help="The operator's address.")


@api_keys.command("create")
@_as
@click.option("--name", required=True, help="What the key is for.")
@click.option(
    "--scope",
    "scopes",
    required=True,
    multiple=True,
    type=click.Choice(["read", "fund", "operate"]),
    help="What the key is good for; several times for several.",
)
@click.option("--expires-in", metavar="90d", help="Days, hours or minutes: 90d, 12h, 30m.")
def create_api_key(email: str, name: str, scopes: tuple[str, ...], expires_in: str | None) -> None:
    """Make a key, and show it this once: only its hash is kept."""
    from wallet.models.account import Scope
    from wallet.services import api_keys

    lasts = _read_duration(expires_in) if expires_in else None
    _, secret = _as_user(
        email,
        lambda user_id: api_keys.create_api_key(
            user_id,
            name=name,
            scopes=frozenset(Scope(scope.upper()) for scope in scopes),
            expires_at=datetime.now(UTC) + lasts if lasts else None,
        ),
    )
    click.echo(secret)


@api_keys.command("list")
@_as
def list_api_keys(email: str) -> None:
    """List the keys that live, oldest first: id, prefix, scopes, last use, expiry, name."""
    from wallet.services import api_keys

    for key in _as_user(email, api_keys.list_api_keys):
        used, expires = key.last_used_at, key.expires_at
        click.echo(
            f"{key.id}  wlt_{key.prefix}…  {','.join(key.scopes).lower()}"
            f"  {f'used {used:%Y-%m-%d %H:%M}' if used else 'never used'}"
            f"  {f'until {expires:%Y-%m-%d %H:%M}' if expires else 'no end'}  {key.name}"
        )


@api_keys.command("revoke")
@_as
@click.argument("id", type=click.UUID)
def revoke_api_key(email: str, id: UUID) -> None:  # noqa: A002
    """End the key ID, as `list` shows it; it is refused from the next request on."""
    from wallet.services import api_keys

    revoked = _as_user(email, lambda user_id: api_keys.revoke_api_key(user_id, id))
    click.echo(f"wlt_{revoked.prefix}… is revoked.")


def _as_user(email: str, work: Callable[[UUID], Coroutine[Any, Any, T]]) -> T:
    """Run *work* for the account with this address; a refusal is one sentence."""
    from wallet.core.errors import WalletError
    from wallet.services.accounts import find_user_id
    from wallet.services.database import connected

    settings = read_settings()

    async def work_as_user() -> T | None:
        async with connected(settings):
            user_id = await find_user_id(email)
            return await work(user_id) if user_id else None

    try:
        result = run_command(work_as_user())
    except WalletError as error:
        fail(error.message)
    if result is None:
        fail("There is no account with this address.")
    return result


def _read_duration(text: str) -> timedelta:
    units = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}
    number, unit = text[:-1], units.get(text[-1:])
    if unit is None or not re.fullmatch("[1-9][0-9]{0,5}", number):
        fail("--expires-in is a number of days, hours or minutes: 90d, 12h, 30m.")
    return int(number) * unit
