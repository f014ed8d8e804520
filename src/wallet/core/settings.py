"""Settings: environment variables, read once at start, checked before anything runs."""

import re
from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import SplitResult, parse_qs, urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from wallet.core.keys import Keys
from wallet.core.money import check_assets
from wallet.core.query_limits import QueryLimits
from wallet.core.rates import MARGIN_BPS_MAX

SECRET_KEY_LENGTH_MIN = 32
_SECRET_KEY_DISTINCT_MIN = 10
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:]+\](:[0-9]{1,5})?")
_DATABASE_OPTIONS = frozenset({"host", "sslmode"})
_EVERYBODY = frozenset({"*", "0.0.0.0/0", "::/0"})
_DEVELOPMENT_SECRET_KEY = "development-only-never-in-production"  # noqa: S105


class SettingsError(ValueError):
    """Raised when the environment does not make sense; one sentence per setting."""


class Environment(StrEnum):
    """Where the process runs: development is readable and open, production is strict."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


class Funding(StrEnum):
    """Who tops up: owners themselves (points, development), or operators (a payment callback)."""

    OWNER = "owner"
    OPERATOR = "operator"


class LockOutage(StrEnum):
    """What a posting does when Redis is away: go on with PostgreSQL alone, or answer Busy."""

    DEGRADE = "degrade"
    REFUSE = "refuse"


class Switch(StrEnum):
    """On or off."""

    ON = "on"
    OFF = "off"

    def __bool__(self) -> bool:
        """Let a switch be asked directly."""
        return self is Switch.ON


class LogLevel(StrEnum):
    """The level below which nothing is logged."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


def _check_port(url: SplitResult) -> None:
    try:
        _ = url.port
    except ValueError:
        raise ValueError("it names one host, and its port is a number") from None


def _is_weak(key: str) -> bool:
    return (
        key == _DEVELOPMENT_SECRET_KEY
        or len(key) < SECRET_KEY_LENGTH_MIN
        or len(set(key)) < _SECRET_KEY_DISTINCT_MIN
    )


class Settings(QueryLimits):
    """All settings of a process; `.env.example` explains each."""

    model_config = SettingsConfigDict(
        # An empty variable is one that was not filled in.
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    database_url: str = Field(
        default="postgresql://wallet:wallet@localhost:5432/wallet", repr=False
    )
    redis_url: str = Field(default="redis://localhost:6379/0", repr=False)
    secret_key: str = Field(default=_DEVELOPMENT_SECRET_KEY, repr=False)
    other_secret_keys: Annotated[tuple[str, ...], NoDecode] = Field(default=(), repr=False)
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    workers: int = Field(default=1, ge=1, le=64)
    environment: Environment = Environment.DEVELOPMENT
    funding: Funding | None = None
    lock_outage: LockOutage = LockOutage.DEGRADE
    lock_wait_ms: int = Field(default=2_000, ge=0, le=30_000)
    rate_limits: Switch = Switch.ON
    user_cost_per_minute: int = Field(default=300_000, ge=100)
    address_cost_per_minute: int = Field(default=1_200_000, ge=100)
    request_timeout_s: int = Field(default=30, ge=1, le=3_600)
    max_wallets_per_user: int = Field(default=50, ge=1, le=1_000)
    quote_ttl_s: int = Field(default=60, ge=1, le=86_400)
    rate_margin_bps: int = Field(default=0, ge=0, le=MARGIN_BPS_MAX)
    # The longest that no rates are published: from before Easter until after it.
    rate_max_age_h: int = Field(default=144, ge=1, le=1_000_000)
    log_level: LogLevel = LogLevel.INFO
    graphiql: Switch | None = None
    introspection: Switch | None = None
    metrics: Switch = Switch.OFF
    assets: Annotated[Mapping[str, int], NoDecode] = Field(default_factory=dict)
    trusted_proxies: str = ""
    cors_origins: str = ""
    persisted_queries: Switch = Switch.ON
    apq_ttl_s: int = Field(default=7 * 24 * 3600, ge=1)
    apq_documents_max: int = Field(default=1_000, ge=1, le=100_000)
    trusted_documents: Path | None = None
    database_pool_size: int = Field(default=16, ge=2, le=200)
    public_url: str = ""
    report_url_ttl_s: int = Field(default=900, ge=1, le=86_400)
    report_timeout_s: int = Field(default=600, ge=1, le=86_400)
    report_stall_s: int = Field(default=30, ge=1, le=3_600)

    @field_validator("other_secret_keys", mode="before")
    @classmethod
    def _parse_keys(cls, value: object) -> object:
        """Read ``KEY,KEY``."""
        if not isinstance(value, str):
            return value
        return tuple(item.strip() for item in value.split(",") if item.strip())

    @field_validator("assets", mode="before")
    @classmethod
    def _parse_assets(cls, value: object) -> object:
        """Read ``POINTS=0,GOLD=3``: decimals by asset code."""
        if not isinstance(value, str):
            return value
        pairs = [item.strip().partition("=") for item in value.split(",") if item.strip()]
        if len({code for code, _, _ in pairs}) < len(pairs):
            raise ValueError("an asset is declared twice")
        return {code: decimals for code, _, decimals in pairs}

    @field_validator("assets")
    @classmethod
    def _check_assets(cls, value: Mapping[str, int]) -> Mapping[str, int]:
        check_assets(value)
        return value

    @field_validator("cors_origins")
    @classmethod
    def _check_cors_origins(cls, value: str) -> str:
        """Refuse what no browser sends as an Origin, and so would never match."""
        origins = [each.strip() for each in value.split(",") if each.strip()]
        for origin in origins:
            if origin != "*" and not _ORIGIN.fullmatch(origin):
                raise ValueError("it lists origins such as https://app.example.com, or is *")
        if "*" in origins and len(origins) > 1:
            raise ValueError("* is every origin already")
        return ",".join(origins)

    @field_validator("database_url")
    @classmethod
    def _check_database_url(cls, value: str) -> str:
        """Refuse what would be read differently by serve and by migrate."""
        url = urlsplit(value)
        if url.scheme not in {"postgresql", "postgres"}:
            raise ValueError("it starts with postgresql://")
        unknown = parse_qs(url.query).keys() - _DATABASE_OPTIONS
        if unknown:
            raise ValueError(f"its options are {', '.join(sorted(_DATABASE_OPTIONS))}")
        _check_port(url)
        return value

    @field_validator("redis_url")
    @classmethod
    def _check_redis_url(cls, value: str) -> str:
        url = urlsplit(value)
        if url.scheme not in {"redis", "rediss"}:
            raise ValueError("it starts with redis:// or rediss://")
        _check_port(url)
        return value

    @field_validator("public_url")
    @classmethod
    def _check_public_url(cls, value: str) -> str:
        url = urlsplit(value)
        if value and (url.scheme not in {"http", "https"} or not url.hostname):
            raise ValueError("it starts with http:// or https://, and names a host")
        if url.query or url.fragment:
            raise ValueError("it has no query and no fragment")
        _check_port(url)
        return value.rstrip("/")

    @field_validator("log_level", mode="before")
    @classmethod
    def _parse_log_level(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @model_validator(mode="after")
    def _refuse_weak_secret_in_production(self) -> Self:
        names = ["SECRET_KEY", *("OTHER_SECRET_KEYS" for _ in self.other_secret_keys)]
        for name, key in zip(names, (self.secret_key, *self.other_secret_keys), strict=True):
            if self.is_production and _is_weak(key):
                raise ValueError(
                    f"{name} is missing or weak: production needs at least "
                    f"{SECRET_KEY_LENGTH_MIN} random characters (try `openssl rand -base64 48`)"
                )
        return self

    @model_validator(mode="after")
    def _refuse_every_proxy_in_production(self) -> Self:
        trusted = {each.strip() for each in self.trusted_proxies.split(",")}
        if self.is_production and trusted & _EVERYBODY:
            raise ValueError(
                "TRUSTED_PROXIES lets every client choose its address, and so its rate limits: "
                "production needs the addresses of the balancers"
            )
        return self

    @cached_property
    def keys(self) -> Keys:
        """The secret keys: the one that signs, and those that only verify."""
        return Keys(self.secret_key, *self.other_secret_keys)

    @property
    def is_production(self) -> bool:
        """Whether the strict defaults hold."""
        return self.environment is Environment.PRODUCTION

    @property
    def who_funds(self) -> Funding:
        """Who tops up: unless said otherwise, in production nobody makes money for itself."""
        if self.funding is not None:
            return self.funding
        return Funding.OPERATOR if self.is_production else Funding.OWNER

    @property
    def serves_graphiql(self) -> bool:
        """Whether /graphql shows GraphiQL: unless said otherwise, not where it cannot ask."""
        if self.graphiql is None:
            return not self.is_production and self.trusted_documents is None
        return bool(self.graphiql)

    @property
    def shows_schema(self) -> bool:
        """Whether clients may ask what the schema has: unless said otherwise, where GraphiQL is."""
        return self.serves_graphiql if self.introspection is None else bool(self.introspection)


def load_settings() -> Settings:
    """
    Read the settings from the environment.

    Raises:
        SettingsError: A value is missing or makes no sense; names each, one sentence a line.
    """
    try:
        return Settings()
    except ValidationError as error:
        lines = []
        for problem in error.errors():
            name = ".".join(str(part) for part in problem["loc"]).upper()
            message = problem["msg"].removeprefix("Value error, ")
            lines.append(f"{name}: {message}." if name else f"{message}.")
        raise SettingsError("\n".join(lines)) from error
