"""Take-over of partitions by the application, in the place of Faust's recovery.

Faust's own recovery reads a changelog record by record, ends before its end where transactions
left markers, and seeks to the group's offsets. Here the application recovers its state in its own
way (`take_over`) and says from which offsets to go on.
"""

import asyncio
import os
from typing import Any

import faust
import structlog
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.types.tuples import TP
from mode import Service
from mode.utils import locks

from streams.transport import Batch, BatchConsumer  # which also registers the transport
from wire.broker import Broker

log = structlog.get_logger(__name__)
EXIT_TAKE_OVER_FAILED = 73
LEAVE_SECONDS_MAX = 5.0


class OwnRecovery(Recovery):
    """Waits for assignments and hands them to the application."""

    @Service.task
    async def _restart_recovery(self) -> None:
        started: Any = self.signal_recovery_start
        while not self.should_stop:
            if await self.wait_for_stopped(started):
                break
            self.signal_recovery_start.clear()
            try:
                await self._hand_over()
            except asyncio.CancelledError:
                return
            except BaseException as error:
                # Whatever it is, nothing was served and nothing written: start again.
                log.critical("take_over_failed", error=repr(error), exc_info=error)
                os._exit(EXIT_TAKE_OVER_FAILED)

    async def _hand_over(self) -> None:
        app, consumer = self.app, self.app.consumer
        generation, epoch = self._generation_id, consumer.assigned_in_epoch

        def is_stale(now: int) -> bool:
            return (
                app.is_leaving
                or self.signal_recovery_start.is_set()
                or generation != app.consumer_generation_id
                or now != consumer.epoch
            )

        if is_stale(epoch):
            return  # revoked before it began: the next owner may have begun
        self._set_recovery_started()
        changelogs = self.tables.changelog_topics
        assigned = {tp for tp in consumer.assignment() if tp.topic not in changelogs}
        positions = await app.take_over(assigned)
        if is_stale(epoch):
            return
        await app.on_rebalance_complete.send()
        consumer.resume_partitions(assigned)
        if assigned:
            await consumer.seek_to(positions)
            epoch += 1
        if is_stale(epoch):
            return
        self._set_recovery_ended()
        self.completed.set()
        app.flow_control.resume()
        consumer.resume_flow()
        self.tables.on_actives_ready()
        self.tables.on_standbys_ready()
        app.on_rebalance_end()
        app.serve(assigned)
        await app._fetcher.maybe_start()

    @Service.task
    async def _slurp_changelogs(self) -> None:
        await self.wait_for_stopped(locks.Event())


class OwnTableManager(TableManager):
    @property
    def recovery(self) -> Recovery:
        if self._recovery is None:
            self._recovery = OwnRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery


class Application(faust.App):
    """A Faust app that owns its state and its positions."""

    is_leaving = False

    @property
    def batches(self) -> BatchConsumer:
        """The consumer, by what our transport makes of it."""
        consumer: Any = self.consumer
        assert isinstance(consumer, BatchConsumer)
        return consumer

    def is_current(self, batch: Batch) -> bool:
        """Whether it was fetched since the last rebalance."""
        return batch.epoch == self.batches.epoch

    async def take_over(self, assigned: set[TP]) -> dict[TP, int]:
        """Make the assigned partitions ours; return the offset to go on from for each."""
        raise NotImplementedError

    def serve(self, assigned: set[TP]) -> None:
        """The positions are set and records are about to come."""
        raise NotImplementedError

    async def quiesce(self) -> None:
        """Return when nothing is under way that the next owner must not meet; end the process if
        that takes too long."""
        raise NotImplementedError

    async def leave(self) -> None:
        """Leave the group in good order and end the process. Faust's own way crashes where a
        rebalance runs, and the group then waits for the session to end."""
        self.is_leaving = True  # a take-over that is under way comes to nothing
        try:
            await self.quiesce()
            await asyncio.wait_for(self.consumer.commit(), LEAVE_SECONDS_MAX)
            thread = self.consumer._thread
            await asyncio.wait_for(thread.call_thread(thread._consumer.stop), LEAVE_SECONDS_MAX)
        except Exception as error:  # noqa: BLE001 - it ends here, said goodbye or not
            log.warning("left_without_goodbye", error=repr(error))
        os._exit(0)


def application_options(broker: Broker, **options: Any) -> dict[str, Any]:
    """What every app of this project says to Faust."""
    return {
        "broker": f"batches://{broker.bootstrap}",
        "broker_credentials": _credentials(broker),
        "TableManager": OwnTableManager,
        "value_serializer": "raw",
        "key_serializer": "raw",
        "web_enabled": False,
        "topic_disable_leader": True,
        "table_standby_replicas": 0,
        "stream_wait_empty": False,
        "stream_buffer_maxsize": 16,  # batches
        "broker_commit_interval": 1.0,
        "broker_heartbeat_interval": 0.5,
        "broker_request_timeout": 30.0,
        "broker_max_poll_records": 4000,
        **options,
    }


def _credentials(broker: Broker) -> Any:
    """The broker's terms as Faust hands them to its client; None: it has none."""
    context = broker.tls()
    if broker.sasl_mechanism is not None:
        return faust.SASLCredentials(
            mechanism=broker.sasl_mechanism,
            username=broker.sasl_username,
            password=broker.sasl_password,
            ssl_context=context,
        )
    return context
