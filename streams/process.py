"""A Faust app as a process of its own, with our way of leaving it."""

import asyncio
import signal
from typing import NoReturn

import faust

from streams.recovery import Application


class _Process(faust.Worker):
    """Faust's wrapper around an app. SIGTERM and SIGINT make the app leave its group."""

    def __init__(self, app: Application) -> None:
        super().__init__(
            app, quiet=True, loglevel="warn", redirect_stdouts=False, override_logging=False
        )
        self.spinner = None  # it writes terminal escapes, also into a log

    def install_signal_handlers(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._leave)

    def _leave(self) -> None:
        self._leaving = asyncio.ensure_future(self.app.leave())


def run_process(app: Application) -> NoReturn:
    """Run the app until the process is told to stop."""
    _Process(app).execute_from_commandline()
    raise AssertionError("the process ends by leaving")
