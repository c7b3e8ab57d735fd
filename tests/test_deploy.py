"""The containers are told what the programs read, as far as that shows without starting them."""

import json
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest

from api.measure import Measure
from api.settings import needs_keys
from cli.main import main
from cli.servers import jars, kafka
from cli.settings import Settings
from deploy import healthy
from streams import metrics
from tests.cli.portfolio import VARIABLES
from wire.broker import Broker
from wire.workers import SECRET_HEADER

ROOT = Path(__file__).parents[1]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = sorted(name for name, service in SERVICES.items() if "build" in service)
EXAMPLE = set(re.findall(r"^#(\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
# Of the containers alone; `.env.example` names them as well.
OF_COMPOSE = {"POSTGRES_PASSWORD", "GRAFANA_PASSWORD"}
DASHBOARD = json.loads((ROOT / "deploy/grafana/dashboards/portfolio.json").read_text())


# What has no default, as it must be a secret, and what it may be.
REQUIRED = {"CLUSTER_SECRET": "0123456789abcdef"}


def with_defaults(value: str) -> str:
    """The text as compose makes it where nothing is set but what must be."""
    value = re.sub(r"\$\{(\w+):\?[^}]*\}", lambda found: REQUIRED[found[1]], value)
    return re.sub(r"\$\{(\w+):-([^}]*)\}", r"\2", value)


def arguments_of(service: str) -> list[str]:
    """The words after `portfolio`."""
    words = " ".join(SERVICES[service]["command"]).split()
    return words[words.index("portfolio") + 1 :]


def test_the_parts_are_there() -> None:
    assert OURS == ["api", "migrate", "store", "worker"]
    assert {"kafka", "postgres"} < set(SERVICES)


def test_every_variable_that_the_settings_know_is_in_the_example() -> None:
    assert EXAMPLE == VARIABLES | OF_COMPOSE


@pytest.mark.parametrize("name", OURS)
def test_every_variable_of_a_part_is_one_that_it_reads(name: str) -> None:
    assert set(SERVICES[name]["environment"]) <= VARIABLES


@pytest.mark.parametrize("name", OURS)
def test_the_settings_of_a_part_are_valid(name: str) -> None:
    environment = {
        variable: with_defaults(str(value))
        for variable, value in SERVICES[name]["environment"].items()
    }
    settings = Settings.from_environment(environment, dotenv=Path("/dev/null"))
    assert settings.kafka == Broker(bootstrap="kafka:19092")
    assert settings.database_url == "postgresql://portfolio:portfolio@postgres:5432/portfolio"
    assert settings.worker_urls == ("http://worker:6066",)


def test_a_part_without_variables_has_the_same_defaults_as_one_in_a_container() -> None:
    alone = Settings.from_environment({}, dotenv=Path("/dev/null"))
    told = Settings.from_environment(
        {k: with_defaults(str(v)) for k, v in SERVICES["worker"]["environment"].items()},
        dotenv=Path("/dev/null"),
    )
    for name in (
        "partitions", "default_cost_basis_method", "fx_max_age_days", "fx_cross_currency",
        "log_level",
    ):  # fmt: skip
        assert getattr(told, name) == getattr(alone, name)


@pytest.mark.parametrize("name", OURS)
def test_the_command_of_a_part_exists_with_its_options(name: str) -> None:
    command, *options = arguments_of(name)
    assert isinstance(main, click.Group)
    known = main.get_command(click.Context(main), command)
    assert known is not None
    spelled = {option for each in known.params for option in each.opts}
    assert {option for option in options if option.startswith("--")} <= spelled


def test_no_variable_is_asked_of_the_user_that_the_example_does_not_name() -> None:
    asked = re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text())
    assert set(asked) <= EXAMPLE


def test_every_variable_has_a_default_or_says_that_it_must_be_set_and_how() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    assert re.findall(r"\$\{\w+(?!:-|:\?)[^}\w]", text) == []
    demanded = dict(re.findall(r"\$\{(\w+):\?([^}]*)\}", text))
    assert set(demanded) == set(REQUIRED)
    assert all(".env" in why for why in demanded.values())
    assert all(f'echo "{name}=' in text for name in demanded)


def test_what_listens_beyond_its_container_is_guarded() -> None:
    for name in ("worker", "store", "api"):
        secret = with_defaults(SERVICES[name]["environment"]["CLUSTER_SECRET"])
        assert secret == REQUIRED["CLUSTER_SECRET"]
    host = SERVICES["api"]["environment"]["API_HOST"]
    assert needs_keys(host, SERVICES["api"]["environment"].get("API_KEYS", "auto"))


def test_prometheus_has_the_secret_of_those_who_ask_for_it() -> None:
    jobs = yaml.safe_load((ROOT / "deploy/prometheus.yml").read_text())["scrape_configs"]
    sent = {job["job_name"]: job.get("http_headers", {}) for job in jobs}
    [secret] = SERVICES["prometheus"]["secrets"]
    header = {SECRET_HEADER: {"files": [f"/run/secrets/{secret}"]}}
    assert sent == {"worker": header, "store": header, "api": header}
    assert COMPOSE["secrets"][secret] == {"environment": "CLUSTER_SECRET"}


def test_nothing_is_open_to_other_machines_by_itself() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert ports
    assert all(with_defaults(port).startswith("127.0.0.1:") for port in ports)


def test_servers_keep_their_data_in_volumes_and_come_back() -> None:
    for name, folder in (("kafka", "/var/lib/kafka/data"), ("postgres", "/var/lib/postgresql")):
        assert SERVICES[name]["volumes"] == [f"{name}:{folder}"]
        assert name in COMPOSE["volumes"]
    long_lived = [service for name, service in SERVICES.items() if name != "migrate"]
    assert {service["restart"] for service in long_lived} == {"unless-stopped"}


def test_every_worker_keeps_a_state_of_its_own() -> None:
    assert SERVICES["worker"]["volumes"] == ["/data"]  # without a name: one for each container


@pytest.mark.parametrize("name", ["api", "kafka", "postgres", "store", "worker"])
def test_every_server_says_whether_it_is_well(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"


def test_what_a_part_waits_for_exists_and_can_be_waited_for() -> None:
    for service in SERVICES.values():
        waits = service.get("depends_on", {})
        for other in waits:
            assert other in SERVICES
            if isinstance(waits, dict) and waits[other]["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[other]


def test_health_is_asked_at_the_port_that_is_listened_on() -> None:
    for name in ("worker", "store"):
        options = arguments_of(name)
        port = options[options.index("--http-port") + 1]
        assert port in SERVICES[name]["healthcheck"]["test"]
    assert str(SERVICES["api"]["environment"]["API_PORT"]) in SERVICES["api"]["healthcheck"]["test"]
    assert SERVICES["worker"]["environment"]["WORKER_URLS"].endswith(":6066")


def test_a_closed_door_is_not_well() -> None:
    assert healthy.main("1", "/readyz") == 1


def test_parts_have_the_time_to_leave_their_groups() -> None:
    for name in ("worker", "store"):
        assert int(SERVICES[name]["stop_grace_period"].removesuffix("s")) >= 25


def test_kafka_is_the_one_that_is_tested_and_set_up_alike() -> None:
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{jars.VERSION}"
    embedded = dict(
        line.split("=", 1) for line in kafka._properties(Path("data"), 1, 2).splitlines()
    )
    told = {
        name.removeprefix("KAFKA_").lower().replace("_", "."): str(value)
        for name, value in SERVICES["kafka"]["environment"].items()
    }
    alike = [
        name
        for name in embedded
        if name.endswith((".factor", ".isr", ".enable", "delay.ms")) or name.startswith("offsets.r")
    ]
    assert len(alike) > 5
    assert {name: told.get(name) for name in alike} == {name: embedded[name] for name in alike}


def test_the_image_holds_what_the_build_copies() -> None:
    copied = re.findall(r"^COPY (?!--)(.*) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    sources = {source for line in copied for source in line.split()}
    allowed = set(re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    assert all((ROOT / source).exists() for source in sources)
    assert {source for source in sources if source.partition("/")[0] not in allowed} <= allowed
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    shipped = {name.rstrip("*") for name in packages["packages"]["find"]["include"]}
    assert shipped - {"bench"} <= sources


def test_the_image_does_not_run_as_root() -> None:
    users = re.findall(r"^USER (\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert users == ["portfolio"]


def test_prometheus_asks_every_door_that_has_metrics() -> None:
    jobs = yaml.safe_load((ROOT / "deploy/prometheus.yml").read_text())["scrape_configs"]
    asked = {
        (dns["names"][0], dns["port"]) for job in jobs for dns in job.get("dns_sd_configs", ())
    } | {
        (target.split(":")[0], int(target.split(":")[1]))
        for job in jobs
        for static in job.get("static_configs", ())
        for target in static["targets"]
    }
    assert asked == {("worker", 6066), ("store", 6067), ("api", 8000)}


def test_the_dashboard_asks_for_metrics_that_exist() -> None:
    api_registry = CollectorRegistry()
    Measure(lambda scope, receive, send: None, api_registry)  # type: ignore[arg-type,return-value]
    known = {
        line.split()[2]
        for registry in (metrics.REGISTRY, metrics.STORE_REGISTRY, api_registry)
        for line in generate_latest(registry).decode().splitlines()
        if line.startswith("# TYPE")
    }
    asked = {
        name.removesuffix("_bucket")
        for panel in DASHBOARD["panels"]
        for target in panel["targets"]
        for name in re.findall(r"portfolio_\w+", target["expr"])
    }
    assert asked
    assert asked <= known


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24


def test_compose_itself_accepts_the_file_where_it_is_installed() -> None:
    docker = shutil.which("docker") or "false"
    has_compose = subprocess.run([docker, "compose", "version"], capture_output=True)
    command = [docker, "compose", "--profile", "metrics", "config", "-q"]
    checked = subprocess.run(
        command, cwd=ROOT, env=os.environ | REQUIRED, capture_output=True, text=True
    )
    # Elsewhere the tests above are all there is.
    assert checked.returncode == 0 or has_compose.returncode != 0, checked.stderr
