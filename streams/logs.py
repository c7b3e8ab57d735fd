"""Logs: JSON lines on a pipe, readable on a terminal; Faust's and librdkafka's included."""

import logging
import sys
from typing import Any

import structlog


def configure(level: str, log_format: str | None) -> None:
    """`log_format` is json, text or None, which decides by whether stderr is a terminal."""
    as_json = log_format == "json" or (log_format is None and not sys.stderr.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    handler.addFilter(_is_of_our_services)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # Faust and its client tell at INFO what only their own developers read.
    for name in ("faust", "mode", "aiokafka", "kafka", "uvicorn", "httpx"):
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level)))


def _is_of_our_services(record: logging.LogRecord) -> bool:
    """Faust announces each of its services by the name of our module: noise below WARNING."""
    return record.levelno >= logging.WARNING or not str(record.msg).startswith("[^")
