"""uvicorn, with streams that end when it is told to."""

import socket

import uvicorn


class Server(uvicorn.Server):
    """Serves an application of `api.main`. Before it waits for connections to end it ends those
    that never would by themselves."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        app = self.config.app
        if not isinstance(app, str) and hasattr(app, "state"):
            streams = getattr(app.state, "streams", None)
            if streams is not None:
                streams.close()
        await super().shutdown(sockets)
