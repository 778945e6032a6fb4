"""The container's files hold together; the image itself is built where there is Docker."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from shared.settings import Settings
from tests.infra.image import Image
from tests.infra.schema import faults
from tests.support.standalone import wait_until
from tests.support.tools import ROOT, free_port

IMAGE = Image.read()
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
SETTINGS = {field.alias for field in Settings.model_fields.values() if field.alias}


def test_the_compose_file_fits_the_schema() -> None:
    assert faults(ROOT / "compose.yaml", "compose-spec") is None


def test_the_schema_refuses_what_is_no_compose_file(tmp_path: Path) -> None:
    file = tmp_path / "compose.yaml"
    file.write_text("services:\n  sql:\n    imgae: mssql\n")

    assert faults(file, "compose-spec")


def test_the_services_wait_for_services_that_there_are() -> None:
    services = COMPOSE["services"]

    assert services.keys() >= {"rowpost", "sql", "azurite", "redis", "mail"}
    for service in services.values():
        for name, how in service.get("depends_on", {}).items():
            assert how["condition"] != "service_healthy" or "healthcheck" in services[name]
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            assert source in COMPOSE["volumes"] or (ROOT / source).exists(), volume


def test_the_services_are_open_to_this_machine_only() -> None:
    ports = [port for service in COMPOSE["services"].values() for port in service.get("ports", [])]

    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_an_application_on_this_machine_reaches_the_database_to_insert_rows() -> None:
    (port,) = COMPOSE["services"]["sql"]["ports"]

    assert port == "127.0.0.1:${ROWPOST_SQL_PORT:-1433}:1433"


def test_readers_of_the_containers_database_do_not_wait_for_writers() -> None:
    script = (ROOT / "infra" / "container" / "database.sql").read_text("utf-8")
    (batch,) = [each for each in script.split("\nGO\n") if "READ_COMMITTED_SNAPSHOT" in each]

    assert "is_read_committed_snapshot_on FROM sys.databases" in batch
    assert "SET READ_COMMITTED_SNAPSHOT ON WITH ROLLBACK AFTER 30 SECONDS" in batch


def test_no_password_stands_in_the_compose_file() -> None:
    for service in COMPOSE["services"].values():
        for name, value in service.get("environment", {}).items():
            if "PASSWORD" in name:
                assert value.startswith("${"), name


def test_every_setting_of_the_container_is_one_that_somebody_reads() -> None:
    of_redis_listener = {"REDIS_URL"}
    of_python = {"PATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"}

    assert COMPOSE["services"]["rowpost"]["environment"].keys() <= SETTINGS | of_redis_listener
    assert IMAGE.environment.keys() <= SETTINGS | of_python


def test_the_image_is_slim_and_does_not_run_as_root() -> None:
    assert "-slim" in IMAGE.base
    assert IMAGE.user not in ("root", "0")


def test_docker_is_given_no_more_than_it_copies() -> None:
    lines = (ROOT / ".dockerignore").read_text("utf-8").split()
    let_through = {line.strip("!/") for line in lines if line.startswith("!")}
    copied = {source for source, _ in IMAGE.copied}
    requirements = {each for each in let_through if each.startswith("requirements")}

    assert "*" in lines
    assert let_through == copied | requirements
    assert all(f"{each}" in (ROOT / "Dockerfile").read_text("utf-8") for each in requirements)


def test_the_image_brings_the_odbc_driver() -> None:
    assert "mssql-python-odbc" in (ROOT / "requirements-deploy.txt").read_text("utf-8")
    assert "unixodbc" in (ROOT / "Dockerfile").read_text("utf-8")


def test_what_the_image_holds_is_enough_to_run_and_is_found_healthy(tmp_path: Path) -> None:
    with started(tmp_path, ROWPOST_PORT=str(free_port())) as running:
        wait_until(lambda: "answers at" in (tmp_path / "output").read_text(), 60, "an answer")
        wait_until(lambda: health_check(running) == 0, 30, "a healthy container")

        assert "caught at" not in (tmp_path / "output").read_text()


def test_a_container_without_its_database_is_found_unhealthy(tmp_path: Path) -> None:
    nowhere = f"sqlite:///{tmp_path}/output/is-a-file/rowpost.db"
    port = str(free_port())

    with started(tmp_path, ROWPOST_PORT=port, DATABASE_URL=nowhere) as running:
        wait_until(lambda: "answers at" in (tmp_path / "output").read_text(), 60, "an answer")

        assert health_check(running) == 1


Environment = dict[str, str]


@contextmanager
def started(folder: Path, **settings: str) -> Iterator[Environment]:
    """The image's entry point, with the image's files and settings; answers its environment."""
    work = folder / "app"
    work.mkdir()
    IMAGE.lay_out(work)
    set_by_image = {k: v for k, v in IMAGE.environment.items() if k != "PATH"}
    environment = {
        "PATH": os.environ["PATH"],
        **set_by_image,
        "ROWPOST_DATA": str(folder / "data"),
        **settings,
    }
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            _command(IMAGE.entry_point),
            cwd=work,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            yield environment
        finally:
            process.terminate()
            code = process.wait(15)
    assert code == 0


def health_check(environment: Environment) -> int:
    return subprocess.run(
        _command(IMAGE.health_check), env=environment, capture_output=True, check=False, timeout=30
    ).returncode


def _command(words: list[str]) -> list[str]:
    assert words[0] == "python"
    return [sys.executable, *words[1:]]


@pytest.mark.parametrize("name", ["MSSQL_SA_PASSWORD", "ROWPOST_DATABASE_PASSWORD"])
def test_a_forgotten_password_is_said_before_anything_starts(name: str) -> None:
    assert f"${{{name}:?" in (ROOT / "compose.yaml").read_text("utf-8")
