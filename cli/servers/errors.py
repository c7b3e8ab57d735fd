"""The one exception of the embedded servers."""


class ServerError(Exception):
    """A server cannot be started or reached; the message says what to do about it."""
