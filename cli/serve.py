"""`portfolio worker`, `store` and `api`: one process each, as `up` or a container starts them."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import click

from api.settings import is_loopback
from cli import addresses, parts
from cli.servers import ServerError, broker, connections
from cli.settings import Settings

EXIT_NOT_STARTED = 3  # as uvicorn ends


@click.command()
@click.option(
    "--http-host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on, by which the API and the other workers reach this one.",
)
@click.option(
    "--http-port",
    type=click.IntRange(1, 65535),
    default=addresses.WORKER_PORT,
    show_default=True,
    help="Port of the live tables.",
)
@click.option(
    "--datadir",
    type=click.Path(path_type=Path, file_okay=False),
    help="State of this worker alone.  [default: DATA_DIR/workers/port-PORT]",
)
@click.pass_obj
def worker(settings: Settings, http_host: str, http_port: int, datadir: Path | None) -> None:
    """Keep the books of its share of the partitions, and answer about them."""
    _demand_secret(settings, http_host)
    from streams import logs
    from streams import worker as process
    from streams.settings import WorkerSettings

    logs.configure(settings.log_level, settings.log_format)
    process.run(
        WorkerSettings(
            kafka=broker(settings),
            data_dir=datadir or parts.workers_dir(settings) / f"port-{http_port}",
            http_host=http_host,
            http_port=http_port,
            partitions=settings.partitions,
            default_method=settings.default_cost_basis_method,
            price_max_age_days=settings.price_max_age_days,
            fx_max_age_days=settings.fx_max_age_days,
            fx_cross_currency=settings.fx_cross_currency,
            cluster_secret=settings.cluster_secret,
        )
    )


@click.command()
@click.option("--http-host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--http-port",
    type=click.IntRange(1, 65535),
    help="Port of /readyz and /metrics.  [default: none]",
)
@click.pass_obj
def store(settings: Settings, http_host: str, http_port: int | None) -> None:
    """Write what the workers publish to PostgreSQL."""
    if http_port is not None:
        _demand_secret(settings, http_host)
    from streams import logs
    from streams import store as process
    from streams.settings import StoreSettings

    logs.configure(settings.log_level, settings.log_format)
    found = connections(settings)
    process.run(
        StoreSettings(
            kafka=found.kafka,
            database_url=found.database_url,
            http_host=http_host,
            http_port=http_port,
            data_dir=parts.store_dir(settings),
            partitions=settings.partitions,
            cluster_secret=settings.cluster_secret,
        )
    )


def _demand_secret(settings: Settings, http_host: str) -> None:
    """Others than this machine are answered only where there is a secret to ask them for."""
    if settings.cluster_secret is None and not is_loopback(http_host):
        raise click.UsageError(
            f"CLUSTER_SECRET must be set: at {http_host} everybody who reaches this process would "
            "be answered without it. The same one for workers, store, API and commands."
        )


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), help="[default: API_PORT]")
@click.pass_obj
def api(settings: Settings, port: int | None) -> None:
    """Take transactions in over HTTP, and answer questions."""
    import uvicorn

    from api.main import create_app
    from api.server import Server
    from api.settings import ApiSettings
    from reports.limits import Limits
    from streams import logs

    logs.configure(settings.log_level, settings.log_format)
    if port is not None:
        settings = replace(settings, api_port=port)
    try:
        parts.demand_api_port(settings)
    except ServerError as error:
        # Nothing is wrong with the system: this process was told to listen where it cannot.
        raise click.UsageError(str(error)) from error
    found = connections(settings)
    app = create_app(
        ApiSettings(
            kafka=found.kafka,
            database_url=found.database_url,
            partitions=settings.partitions,
            worker_urls=settings.worker_urls or addresses.addresses(settings).workers,
            host=settings.api_host,
            port=settings.api_port,
            api_keys=settings.api_keys,
            rate_limit=settings.rate_limit,
            streams_max=settings.streams_max,
            cluster_secret=settings.cluster_secret,
            limits=Limits(
                price_max_age_days=settings.price_max_age_days,
                fx_max_age_days=settings.fx_max_age_days,
                cross_currency=settings.fx_cross_currency,
            ),
        )
    )
    server = Server(
        uvicorn.Config(
            app, host=settings.api_host, port=settings.api_port, log_config=None, access_log=False
        )
    )
    with suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        raise SystemExit(EXIT_NOT_STARTED)
