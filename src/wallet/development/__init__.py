"""
A real PostgreSQL and a real Redis for development and tests, from Python wheels.

Nothing here is part of the service: it imports no other room, and no other
room but the command line and the tests imports it.
"""

from wallet.development.errors import ServerError
from wallet.development.postgres import PostgresServer
from wallet.development.redis import RedisServer

__all__ = ["PostgresServer", "RedisServer", "ServerError"]
