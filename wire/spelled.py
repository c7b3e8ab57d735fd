"""Reports as JSON, with numbers and instants as everywhere else."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum

import msgspec

from calculator import plain
from wire.inputs import instant


def as_json(report: object) -> bytes:
    """A dataclass as an object of its fields."""
    return msgspec.json.encode(spelled(report))


def spelled(value: object) -> object:
    match value:
        case Decimal():
            return plain(value)
        case datetime():
            return instant(value)
        case None | bool() | int() | Enum() | str() | date():
            return value
        case Mapping():
            return {name: spelled(each) for name, each in value.items()}
        case tuple() | list():
            return [spelled(each) for each in value]
        case _:
            assert is_dataclass(value), value
            return {
                field.name.rstrip("_"): spelled(getattr(value, field.name))
                for field in fields(value)
            }
