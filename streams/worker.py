"""The worker process: the app, its HTTP, its watchdog, and its ways of ending."""

import gc
import os
import threading
import time
from typing import NoReturn

import structlog
import uvloop

from streams import live
from streams.app import EXIT_SETTING, WorkerApp, create_app
from streams.membership import Folder, FolderRefused, Membership, now
from streams.memory import share_one_arena
from streams.process import run_process
from streams.settings import WorkerSettings
from streams.topics import TopicsMismatch, create_topics
from streams.transport import BatchConsumer

log = structlog.get_logger(__name__)
EXIT_FROZEN = 75


def _watch(app: WorkerApp) -> None:
    """End a process that was not scheduled for half its session: the group may have given its
    partitions away, and everything it still holds in memory is old."""
    limit = app.settings.session_seconds / 2
    while True:
        at = now()
        if at - app.alive_at > limit:
            log.critical("frozen", seconds=round(at - app.alive_at, 2))
            os._exit(EXIT_FROZEN)
        app.alive_at = at
        time.sleep(0.2)


def run(settings: WorkerSettings) -> NoReturn:
    """Run a worker until it is told to stop. Waits for Kafka where it is not there yet."""
    share_one_arena()
    try:
        Membership.folder = Folder(settings.data_dir)
        create_topics(settings.kafka, settings.partitions)
    except (FolderRefused, TopicsMismatch) as error:
        log.critical("refused", error=str(error))
        raise SystemExit(EXIT_SETTING) from error
    uvloop.install()
    BatchConsumer.batch_records_max = 2000
    app = create_app(settings)
    live.start(app)
    app.alive_at = now()
    threading.Thread(target=_watch, args=(app,), name="watchdog", daemon=True).start()
    # The collector would walk every cached lot again and again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(500_000, 20, 1000)
    run_process(app)
