"""OTHER_SECRET_KEYS: a new secret key, and nobody is signed out."""

from tests.e2e.conftest import StartServer
from tests.e2e.test_accounts import is_signed_in
from tests.support.api import REFRESH, Api
from tests.support.guests import Guests
from tests.support.servers import SECRET_KEY

NEW_KEY = "the-next-secret-key-of-these-tests-9876543210"


class TestRotation:
    """Servers that are started anew, one after another."""

    async def test_rolling_start(self, api: Api, guests: Guests, start_server: StartServer) -> None:
        """While old and new servers run, each takes what the other has signed."""
        cleo = await guests.create()
        old = {"accessToken": cleo.api.access_token or ""}
        # First all learn the next key, then it signs.
        knows = api.at(start_server(OTHER_SECRET_KEYS=NEW_KEY).url)
        signs = api.at(start_server(SECRET_KEY=NEW_KEY, OTHER_SECRET_KEYS=SECRET_KEY).url)

        answer = await signs.run(REFRESH, input={"refreshToken": cleo.refresh_token})

        new = answer["session"]
        for server in (knows, signs):
            assert await is_signed_in(server, old)
            assert await is_signed_in(server, new)

    async def test_end_of_the_old_key(
        self, api: Api, guests: Guests, start_server: StartServer
    ) -> None:
        """Without it its access tokens are refused; the session goes on with its refresh token."""
        cleo = await guests.create()
        server = api.at(start_server(SECRET_KEY=NEW_KEY).url)

        assert not await is_signed_in(server, {"accessToken": cleo.api.access_token or ""})
        answer = await server.run(REFRESH, input={"refreshToken": cleo.refresh_token})

        assert await is_signed_in(server, answer["session"])
        assert not await is_signed_in(api, answer["session"])
