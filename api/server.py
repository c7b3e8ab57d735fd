"""uvicorn, with streams that end when it is told to."""

import gc
import socket

import uvicorn


def spare_collector() -> None:
    """Let Python look for rings of references more seldom: of a long report it would walk all days
    and transactions again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


class Server(uvicorn.Server):
    """Serves an application of `api.main`. Before it waits for connections to end it ends those
    that never would by themselves."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        spare_collector()
        await super().startup(sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        app = self.config.app
        if not isinstance(app, str) and hasattr(app, "state"):
            streams = getattr(app.state, "streams", None)
            if streams is not None:
                streams.close()
        await super().shutdown(sockets)
