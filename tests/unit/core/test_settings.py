"""Settings from the environment."""

import traceback
from pathlib import Path

import pytest

from wallet.core.settings import (
    Environment,
    Funding,
    LockOutage,
    LogLevel,
    Settings,
    SettingsError,
    Switch,
    load_settings,
)

STRONG = "p7Jx0cVq2mKd9TzL4sWf8RbYh3NgE6uA"
PASSWORD = "hunter2-is-a-secret"


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is set but what a test sets."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(name, raising=False)


def refusal(monkeypatch: pytest.MonkeyPatch, **environment: str) -> SettingsError:
    """Load the settings from an environment that makes no sense; return the error."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as raised:
        load_settings()
    return raised.value


class TestLoadSettings:
    """load_settings."""

    def test_defaults(self) -> None:
        """An empty environment is a development machine."""
        settings = load_settings()

        assert settings.environment is Environment.DEVELOPMENT
        assert not settings.is_production
        assert (settings.host, settings.port, settings.workers) == ("127.0.0.1", 8080, 1)
        assert settings.who_funds is Funding.OWNER
        assert settings.lock_outage is LockOutage.DEGRADE
        assert settings.rate_limits
        assert not settings.metrics
        assert settings.assets == {}

    def test_conversion(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A quote lasts a minute, costs nothing, and goes by a rate of before Easter at most."""
        settings = load_settings()
        quoting = (settings.quote_ttl_s, settings.rate_margin_bps, settings.rate_max_age_h)
        assert quoting == (60, 0, 144)

        error = refusal(monkeypatch, QUOTE_TTL_S="0", RATE_MARGIN_BPS="10000", RATE_MAX_AGE_H="0")
        assert sorted(line.partition(":")[0] for line in str(error).splitlines()) == [
            "QUOTE_TTL_S",
            "RATE_MARGIN_BPS",
            "RATE_MAX_AGE_H",
        ]

    @pytest.mark.parametrize("file", [".env.example", "docs/operations.md"])
    def test_is_written_down(self, file: str) -> None:
        """Every setting is explained where people look for it."""
        text = (Path(__file__).parents[3] / file).read_text()

        assert [name for name in Settings.model_fields if name.upper() not in text] == []

    def test_empty_is_unset(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A variable that was left empty, as in a copied .env, keeps its default."""
        for name in ("PORT", "ENVIRONMENT", "FUNDING", "GRAPHIQL", "SECRET_KEY"):
            monkeypatch.setenv(name, "")

        assert load_settings() == Settings()
        assert load_settings().port == 8080

    def test_funding_in_production(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Unless said otherwise, nobody makes money for itself in production."""
        monkeypatch.setenv("ENVIRONMENT", "production")
        monkeypatch.setenv("SECRET_KEY", STRONG)
        assert load_settings().who_funds is Funding.OPERATOR

        monkeypatch.setenv("FUNDING", "owner")
        assert load_settings().who_funds is Funding.OWNER

    def test_reads_every_kind(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each setting is the environment variable of its name."""
        for name, value in {
            "DATABASE_URL": "postgresql://a:b@db/wallet",
            "REDIS_URL": "redis://cache:1/2",
            "SECRET_KEY": STRONG,
            "HOST": "0.0.0.0",  # noqa: S104
            "PORT": "9000",
            "WORKERS": "4",
            "ENVIRONMENT": "production",
            "FUNDING": "operator",
            "LOCK_OUTAGE": "refuse",
            "LOCK_WAIT_MS": "250",
            "RATE_LIMITS": "off",
            "MAX_WALLETS_PER_USER": "7",
            "LOG_LEVEL": "warning",
            "GRAPHIQL": "on",
            "METRICS": "on",
            "ASSETS": "POINTS=0, GOLD=3",
        }.items():
            monkeypatch.setenv(name, value)

        settings = load_settings()

        assert settings.database_url == "postgresql://a:b@db/wallet"
        assert settings.redis_url == "redis://cache:1/2"
        assert settings.secret_key == STRONG
        assert (settings.host, settings.port, settings.workers) == ("0.0.0.0", 9000, 4)  # noqa: S104
        assert settings.is_production
        assert settings.who_funds is Funding.OPERATOR
        assert settings.lock_outage is LockOutage.REFUSE
        assert settings.lock_wait_ms == 250
        assert not settings.rate_limits
        assert settings.max_wallets_per_user == 7
        assert settings.log_level is LogLevel.WARNING
        assert settings.graphiql is Switch.ON
        assert settings.metrics
        assert settings.assets == {"POINTS": 0, "GOLD": 3}

    def test_ignores_what_is_not_its_own(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """An environment is full of other people's variables."""
        monkeypatch.setenv("PATH_TO_NOWHERE", "x")
        monkeypatch.setenv("WALLET_COLOUR", "brown")

        assert load_settings().port == 8080

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("PORT", "http"),
            ("PORT", "-1"),
            ("PORT", "65536"),
            ("PORT", "80.5"),
            ("PORT", "٣"),
            ("WORKERS", "0"),
            ("WORKERS", "many"),
            ("ENVIRONMENT", "prod"),
            ("FUNDING", "anybody"),
            ("LOCK_OUTAGE", "panic"),
            ("LOCK_WAIT_MS", "-1"),
            ("LOCK_WAIT_MS", "30001"),
            ("LOCK_WAIT_MS", "2s"),
            ("RATE_LIMITS", "maybe"),
            ("MAX_WALLETS_PER_USER", "0"),
            ("LOG_LEVEL", "loud"),
            ("GRAPHIQL", "true"),
            ("METRICS", "1"),
            ("DATABASE_POOL_SIZE", "1"),
            ("ASSETS", "POINTS"),
            ("ASSETS", "POINTS=few"),
            ("ASSETS", "POINTS=0=1"),
            ("ASSETS", "POINTS=1.5"),
            ("CORS_ORIGINS", "app.example.com"),
            ("CORS_ORIGINS", "https://app.example.com/"),
            ("CORS_ORIGINS", "*,https://app.example.com"),
            ("CORS_ORIGINS", "null"),
        ],
    )
    def test_one_clear_sentence(
        self, monkeypatch: pytest.MonkeyPatch, name: str, value: str
    ) -> None:
        """A value that makes no sense gives one line that names the variable and ends in a dot."""
        error = refusal(monkeypatch, **{name: value})

        (line,) = str(error).splitlines()
        assert line.startswith(name)
        assert line.endswith(".")
        assert "pydantic" not in line
        assert len(line) < 200

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("ASSETS", "points=0"),
            ("ASSETS", "=0"),
            ("ASSETS", "POINTS=19"),
            ("ASSETS", "EUR=3"),
            ("ASSETS", "POINTS=0,POINTS=2"),
            ("DATABASE_URL", "localhost"),
            ("DATABASE_URL", "mysql://localhost/wallet"),
            ("DATABASE_URL", f"postgresql://wallet:{PASSWORD}@localhost:port/wallet"),
            ("REDIS_URL", "localhost"),
            ("REDIS_URL", f"redis://:{PASSWORD}@localhost:port/0"),
        ],
    )
    def test_one_clear_sentence_before_anything_runs(
        self, monkeypatch: pytest.MonkeyPatch, name: str, value: str
    ) -> None:
        """What only shows when it is used is refused here all the same, without its secret."""
        error = refusal(monkeypatch, **{name: value})

        (line,) = str(error).splitlines()
        assert line.startswith(name)
        assert PASSWORD not in line

    def test_a_sentence_for_each(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Several bad values give a line each."""
        error = refusal(monkeypatch, PORT="http", WORKERS="0", FUNDING="anybody")

        assert sorted(line.partition(":")[0] for line in str(error).splitlines()) == [
            "FUNDING",
            "PORT",
            "WORKERS",
        ]

    @pytest.mark.parametrize(
        "secret_key",
        [
            None,
            "",
            "short",
            STRONG[:31],
            "a" * 64,
            "abcabcabc" * 8,
            " " * 40,
            "development-only-never-in-production",
        ],
    )
    def test_production_refuses_a_weak_secret(
        self, monkeypatch: pytest.MonkeyPatch, secret_key: str | None
    ) -> None:
        """Missing, short, repetitive, or the one that everybody knows: one sentence."""
        environment = {} if secret_key is None else {"SECRET_KEY": secret_key}

        error = refusal(monkeypatch, ENVIRONMENT="production", **environment)

        (line,) = str(error).splitlines()
        assert line.startswith("SECRET_KEY is missing or weak")
        assert "openssl rand" in line

    @pytest.mark.parametrize("others", ["short", f"{STRONG[::-1]},short", "a" * 64])
    def test_production_refuses_another_weak_secret(
        self, monkeypatch: pytest.MonkeyPatch, others: str
    ) -> None:
        """A key that only verifies opens as much as the one that signs."""
        error = refusal(
            monkeypatch, ENVIRONMENT="production", SECRET_KEY=STRONG, OTHER_SECRET_KEYS=others
        )

        (line,) = str(error).splitlines()
        assert line.startswith("OTHER_SECRET_KEYS is missing or weak")

    @pytest.mark.parametrize("proxies", ["*", "10.0.0.1, *", "::/0", "0.0.0.0/0"])
    def test_production_does_not_trust_everybody(
        self, monkeypatch: pytest.MonkeyPatch, proxies: str
    ) -> None:
        """Where all are proxies, every client says where it comes from: one sentence."""
        error = refusal(
            monkeypatch, ENVIRONMENT="production", SECRET_KEY=STRONG, TRUSTED_PROXIES=proxies
        )

        (line,) = str(error).splitlines()
        assert line.startswith("TRUSTED_PROXIES lets every client choose")
        monkeypatch.setenv("TRUSTED_PROXIES", "10.0.0.0/8,127.0.0.1")
        assert load_settings().trusted_proxies == "10.0.0.0/8,127.0.0.1"
        monkeypatch.setenv("ENVIRONMENT", "development")
        monkeypatch.setenv("TRUSTED_PROXIES", proxies)
        assert load_settings().trusted_proxies == proxies

    def test_other_secrets(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Several keys verify; SECRET_KEY alone signs."""
        monkeypatch.setenv("SECRET_KEY", "first")
        monkeypatch.setenv("OTHER_SECRET_KEYS", " second,third, ")

        keys = load_settings().keys

        assert list(keys) == ["first", "second", "third"]
        assert keys.current == "first"

    def test_production_takes_a_strong_secret(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """32 random characters are enough."""
        monkeypatch.setenv("ENVIRONMENT", "production")
        monkeypatch.setenv("SECRET_KEY", STRONG)

        assert load_settings().is_production

    def test_development_takes_any_secret(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A developer needs no strong one."""
        monkeypatch.setenv("SECRET_KEY", "weak")

        assert load_settings().secret_key == "weak"

    @pytest.mark.parametrize(
        "environment",
        [
            {"ENVIRONMENT": "production", "SECRET_KEY": PASSWORD},
            {"ENVIRONMENT": "nowhere", "SECRET_KEY": PASSWORD},
            {"PORT": "http", "SECRET_KEY": PASSWORD},
            {"PORT": "http", "DATABASE_URL": f"postgresql://wallet:{PASSWORD}@db/wallet"},
            {"PORT": "http", "REDIS_URL": f"redis://:{PASSWORD}@cache/0"},
            {"DATABASE_URL": f"mysql://w:{PASSWORD}@db"},
            {"REDIS_URL": f"http://:{PASSWORD}@cache"},
        ],
    )
    def test_never_prints_a_secret(
        self, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
    ) -> None:
        """No secret is in the message, nor in the traceback with all its causes."""
        error = refusal(monkeypatch, **environment)

        assert PASSWORD not in str(error)
        assert PASSWORD not in "".join(traceback.format_exception(error))


class TestSettings:
    """Settings."""

    def test_repr_shows_no_secret(self) -> None:
        """Settings that end up in a log or a debugger give nothing away."""
        settings = Settings(
            secret_key=PASSWORD,
            other_secret_keys=(PASSWORD,),
            database_url=f"postgresql://wallet:{PASSWORD}@db/wallet",
            redis_url=f"redis://:{PASSWORD}@cache/0",
        )

        assert PASSWORD not in repr(settings)
        assert PASSWORD not in str(settings)

    @pytest.mark.parametrize(
        ("environment", "graphiql", "served"),
        [
            (Environment.DEVELOPMENT, None, True),
            (Environment.DEVELOPMENT, Switch.OFF, False),
            (Environment.DEVELOPMENT, Switch.ON, True),
            (Environment.PRODUCTION, None, False),
            (Environment.PRODUCTION, Switch.OFF, False),
            (Environment.PRODUCTION, Switch.ON, True),
        ],
    )
    def test_graphiql(
        self,
        environment: Environment,
        graphiql: Switch | None,
        served: bool,  # noqa: FBT001
    ) -> None:
        """GraphiQL is served unless in production, and as GRAPHIQL says where it says anything."""
        settings = Settings(environment=environment, secret_key=STRONG, graphiql=graphiql)

        assert settings.serves_graphiql is served

    def test_stays_as_it_was_read(self) -> None:
        """Settings are read once and never change."""
        settings = Settings()

        with pytest.raises(ValueError, match="frozen"):
            settings.port = 1


class TestPublicUrl:
    """PUBLIC_URL."""

    @pytest.mark.parametrize(
        ("url", "public_url"),
        [
            ("", ""),
            ("https://pay.example.com", "https://pay.example.com"),
            ("http://localhost:8080/wallet/", "http://localhost:8080/wallet"),
        ],
    )
    def test_is_where_links_lead(
        self, monkeypatch: pytest.MonkeyPatch, url: str, public_url: str
    ) -> None:
        """It may have a path, and ends without a slash."""
        monkeypatch.setenv("PUBLIC_URL", url)

        assert load_settings().public_url == public_url

    @pytest.mark.parametrize(
        "url",
        ["pay.example.com", "ftp://x", "https://", "https://x?y=1", "https://x#y", "https://x:y"],
    )
    def test_makes_no_sense(self, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
        """What no link can begin with is refused at start."""
        assert "PUBLIC_URL" in str(refusal(monkeypatch, PUBLIC_URL=url))
