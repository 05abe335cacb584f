"""How platforms are found: ours, and those of packages that others install."""

from __future__ import annotations

import logging
import sys
import tomllib
from pathlib import Path

import pytest

from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.hooks.connections import make_account
from airflow_provider_sessions.platforms.adapter import Adapter
from airflow_provider_sessions.platforms.prevail.adapter import PrevailAdapter
from airflow_provider_sessions.platforms.registry import (
    BUILT_IN,
    GROUP,
    adapter_class,
    adapter_classes,
    platform_names,
)
from tests.unit.platforms.installed import Install, install

__all__ = ["install"]

ADAPTER = """
from airflow_provider_sessions.platforms.adapter import Adapter

class Huddle(Adapter):
    platform = "huddle"
"""
INFO = """
def info():
    return {"connection-types": [{"connection-type": "huddle", "conn-fields": {"team_name": {}}}]}
"""


def test_our_own_table_is_what_pyproject_registers() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    assert project["entry-points"][GROUP] == dict(BUILT_IN)


def test_ours_are_found_whatever_is_installed() -> None:
    assert platform_names()[:3] == ("prevail", "vidinfra", "sessions_us")
    assert adapter_class("prevail") is PrevailAdapter


def test_an_unknown_connection_type_is_an_error_that_names_the_known(install: Install) -> None:
    install("apache-huddle", {"huddle": "huddle_adapter:Huddle"})
    with pytest.raises(InputError, match=r"'zoom' is no platform .* known are prevail, vidinfra, .*huddle"):
        adapter_class("zoom")


def test_another_packages_platform_is_imported_when_it_is_used(install: Install) -> None:
    install("apache-huddle", {"huddle": "huddle_adapter:Huddle"}, {"huddle_adapter": ADAPTER})
    assert platform_names()[:3] == tuple(BUILT_IN)
    assert "huddle" in platform_names()
    adapter_class("vidinfra")
    assert "huddle_adapter" not in sys.modules

    found = adapter_class("huddle")
    assert issubclass(found, Adapter)
    assert (found.__module__, found.platform) == ("huddle_adapter", "huddle")
    assert adapter_class("huddle") is found


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (
            "import no_such_module",
            "cannot be loaded: ModuleNotFoundError: No module named 'no_such_module'",
        ),
        ("1 / 0", "cannot be loaded: ZeroDivisionError"),
        ("Hurdle = 1", "cannot be loaded: AttributeError"),
        ("Huddle = 1", "is no subclass of airflow_provider_sessions.platforms.adapter.Adapter"),
        (ADAPTER.replace('"huddle"', '"hud"'), "has platform = 'hud'; expected 'huddle'"),
    ],
)
def test_a_broken_package_is_named_and_breaks_no_other_platform(
    install: Install, source: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    install("apache-huddle", {"huddle": "huddle_adapter:Huddle"}, {"huddle_adapter": source})
    with pytest.raises(InputError) as broken:
        adapter_class("huddle")
    assert str(broken.value).startswith("entry point huddle = 'huddle_adapter:Huddle' of apache-huddle 1.2")
    assert reason in str(broken.value)
    found = [one.platform for one in adapter_classes()]
    assert found[:3] == list(BUILT_IN)
    assert "huddle" not in found
    assert "of apache-huddle 1.2" in caplog.text


def test_two_packages_that_claim_one_platform_are_both_named(install: Install) -> None:
    install("apache-huddle", {"huddle": "huddle_adapter:Huddle"}, {"huddle_adapter": ADAPTER})
    install("huddle-for-airflow", {"huddle": "other:Adapter"})
    with pytest.raises(InputError, match="'huddle' is registered twice") as twice:
        adapter_class("huddle")
    for claim in ("'huddle_adapter:Huddle' of apache-huddle 1.2", "'other:Adapter' of huddle-for-airflow 1.2"):
        assert claim in str(twice.value)
    assert adapter_class("prevail") is PrevailAdapter


def test_no_package_takes_the_name_of_a_built_in_platform(install: Install, caplog: pytest.LogCaptureFixture) -> None:
    install("apache-huddle", {"prevail": "huddle_adapter:Huddle"}, {"huddle_adapter": ADAPTER})
    caplog.set_level(logging.WARNING)
    assert adapter_class("prevail") is PrevailAdapter
    assert platform_names().count("prevail") == 1
    assert "entry point prevail = 'huddle_adapter:Huddle' of apache-huddle 1.2 is ignored" in caplog.text


@pytest.mark.parametrize(("provider_info", "is_hinted"), [("huddle_info:info", True), ("huddle_info:gone", False)])
def test_a_misspelt_field_is_found_by_the_form_of_the_package(
    install: Install, caplog: pytest.LogCaptureFixture, provider_info: str, is_hinted: bool
) -> None:
    from airflow.providers.common.compat.sdk import Connection

    from airflow_provider_sessions.hooks import connections

    install("apache-huddle", {"huddle": "huddle_adapter:Huddle"}, {"huddle_info": INFO}, provider_info)
    connections._get_known_fields.cache_clear()
    account = make_account(Connection(conn_id="h", conn_type="huddle", extra='{"team_nam": "x"}'))
    connections._get_known_fields.cache_clear()
    assert account.extra == {"team_nam": "x"}
    assert ("did you mean 'team_name'?" in caplog.text) is is_hinted
