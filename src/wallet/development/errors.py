"""The one error of this room."""


class ServerError(Exception):
    """Raised when a server cannot be found or started; its text is a sentence for people."""
