"""What is shipped: the wheel, its version, and the door through which Airflow finds the provider."""

from __future__ import annotations

import importlib
import pkgutil
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import distribution, requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

import airflow_provider_sessions
from scripts.release import CONTENTS, check_contents, list_contents

ROOT = Path(__file__).parents[2]
NAME = "airflow-provider-sessions"
AIRFLOW = Version(version("apache-airflow"))
NEWER = {"airflow_provider_sessions.retries.policy": Version("3.3")}
"""Modules that are imported only where Airflow is new enough."""
MATRIX = ("3.1", "3.2", "3.3", "3.4")

LATE = (
    *("aiohappyeyeballs", "anyio", "h11", "httpcore", "httpx", "jwt", "pyarrow", "redis", "socksio"),
    *("airflow_provider_sessions.client.client", "airflow_provider_sessions.platforms.prevail"),
    *("airflow_provider_sessions.platforms.sessions_us", "airflow_provider_sessions.platforms.vidinfra"),
    "airflow_provider_sessions.sandbox",
)
"""What is imported when it is first used: HTTP, signing, formats, stores, platforms, the sandbox."""
WITHIN = tuple(f"{name}." for name in LATE)
"""With a dot, as Airflow 3.4 imports httpx2 itself."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.Path:
    """The wheel, built from this checkout without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (built,) = folder.glob("*.whl")
    return zipfile.Path(built)


def test_wheel_contains_the_package_alone(wheel: zipfile.Path) -> None:
    info = f"airflow_provider_sessions-{airflow_provider_sessions.__version__}.dist-info"
    assert {entry.name for entry in wheel.iterdir()} == {"airflow_provider_sessions", info}


def test_wheel_contains_every_module_and_what_belongs_to_them(wheel: zipfile.Path) -> None:
    package = ROOT / "airflow_provider_sessions"
    sources = {
        path.relative_to(ROOT).as_posix()
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    shipped = {entry.filename for entry in wheel.root.infolist() if not entry.is_dir()}
    shipped = {name for name in shipped if name.startswith("airflow_provider_sessions/")}
    assert shipped == sources
    assert "airflow_provider_sessions/py.typed" in shipped


def test_wheel_holds_what_the_list_of_the_release_says(wheel: zipfile.Path) -> None:
    """A new folder, or a file that is no module, is added to the list on purpose."""
    check_contents(list_contents(Path(str(wheel.root.filename))), CONTENTS.read_text().splitlines())


def test_wheel_carries_the_licence(wheel: zipfile.Path) -> None:
    (licence,) = [name for name in wheel.root.namelist() if name.endswith(".dist-info/licenses/LICENSE")]
    assert wheel.root.read(licence) == (ROOT / "LICENSE").read_bytes()


def test_version_is_that_of_the_installed_distribution() -> None:
    assert distribution(NAME).version == airflow_provider_sessions.__version__
    assert f"## {airflow_provider_sessions.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_airflow_finds_the_provider_under_its_distribution_name() -> None:
    (entry,) = distribution(NAME).entry_points.select(group="apache_airflow_provider")
    info = entry.load()()
    assert info["package-name"] == NAME
    assert info["name"]
    assert info["description"]


def test_every_module_can_be_imported_on_this_airflow() -> None:
    package = airflow_provider_sessions
    names = [module.name for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]
    assert f"{package.__name__}.get_provider_info" in names
    assert set(NEWER) < set(names)
    for name in names:
        if NEWER.get(name, AIRFLOW) <= AIRFLOW:
            importlib.import_module(name)


def test_a_dag_imports_nothing_that_only_requests_need() -> None:
    """A DAG file is imported all day. Airflow may have imported some of these itself: so they are forgotten before."""
    program = f"""
import importlib, pkgutil, sys
import airflow.sdk
def late(): return [name for name in sys.modules if f"{{name}}.".startswith({WITHIN!r})]
for name in late():
    del sys.modules[name]
for name in ("operators", "sensors", "transfers", "triggers"):
    package = importlib.import_module(f"airflow_provider_sessions.{{name}}")
    for found in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        importlib.import_module(found.name)
print(*late())
"""
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == []


def test_the_providers_page_links_to_the_readme() -> None:
    """Without an address Airflow would link to a page of Apache's that does not exist."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["readme"] == "README.md"
    site = f"https://{NAME}.readthedocs.io/"
    assert project["urls"] == {"Documentation": site, "Changelog": f"{site}en/latest/changelog/"}


def test_extra_all_holds_every_other_extra_that_can_be_installed_everywhere() -> None:
    declared = [Requirement(line) for line in requires(NAME) or []]
    extras = distribution(NAME).metadata.get_all("Provides-Extra") or []

    def needed_for(extra: str) -> set[str]:
        return {need.name for need in declared if need.marker is not None and need.marker.evaluate({"extra": extra})}

    assert {"parquet", "redis", "sql", "all"} <= set(extras)
    assert needed_for("all") == set().union(*(needed_for(extra) for extra in extras if extra not in ("all", "mysql")))


@pytest.mark.parametrize("airflow", MATRIX)
def test_constraints_are_pins_of_that_airflow_and_nothing_else(airflow: str) -> None:
    lines = (ROOT / f"constraints/airflow-{airflow}.txt").read_text().splitlines()
    pins = _pins(airflow)
    assert all(re.fullmatch(r"[a-z0-9-]+==[A-Za-z0-9.+!]+", line) for line in lines)
    assert len(pins) == len(lines)
    assert pins["apache-airflow"].startswith(f"{airflow}.")


@pytest.mark.parametrize("airflow", MATRIX)
def test_every_floor_is_met_by_the_constraints(airflow: str) -> None:
    """A user who installs with an Airflow's constraints must be able to install this package and each of its extras."""
    pins = _pins(airflow)
    declared = [Requirement(line) for line in requires(NAME) or []]
    needed = [need for need in declared if need.name != NAME]
    assert len(needed) > 10
    for need in needed:
        assert need.specifier.contains(pins[need.name], prereleases=True), f"{need} and {need.name}=={pins[need.name]}"


def test_pyjwt_may_be_as_old_as_airflow_allows() -> None:
    """The constraints that Airflow publishes for 3.1.8 and 3.2.2 pin a PyJWT before 2.13; ours pin a mended one."""
    (ours,) = [need for need in map(Requirement, requires(NAME) or []) if need.name == "pyjwt"]
    (airflows,) = [need for need in map(Requirement, requires("apache-airflow-core") or []) if need.name == "pyjwt"]
    assert ours.specifier == airflows.specifier
    assert all(Version(_pins(airflow)["pyjwt"]) >= Version("2.13") for airflow in MATRIX)


def _pins(airflow: str) -> dict[str, str]:
    return dict(line.split("==") for line in (ROOT / f"constraints/airflow-{airflow}.txt").read_text().splitlines())
