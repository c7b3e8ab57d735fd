"""The one exception of the migrations."""


class UnknownRevision(Exception):
    """The database is at a revision that this program does not know: a newer one migrated it. Run
    that one, or name another database."""
