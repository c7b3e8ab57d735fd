"""Benchmarks: how fast the system is, beside what limits it. `python -m bench` runs them all."""

from importlib.util import find_spec

_missing = [name for name in ("matplotlib", "polars") if find_spec(name) is None]
if _missing:
    raise SystemExit(
        f"benchmarks need {' and '.join(_missing)}:"
        " pip install --constraint requirements.lock --editable '.[bench]'"
    )
