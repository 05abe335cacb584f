from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import airflow
import jsonschema
import pytest
from airflow.providers.common.compat.sdk import BaseHook, BaseOperatorLink

from airflow_provider_sessions.get_provider_info import get_provider_info
from airflow_provider_sessions.platforms.registry import BUILT_IN, adapter_class

INFO = get_provider_info()
CONNECTION_TYPES = {entry["connection-type"]: entry for entry in INFO["connection-types"]}


def schema(name: str) -> Any:
    return json.loads((Path(airflow.__file__).parent / name).read_text())


def test_airflow_accepts_it_at_start_up() -> None:
    jsonschema.validate(INFO, schema("provider_info.schema.json"))


@pytest.mark.needs_airflow("3.3")
def test_no_key_of_the_connection_form_is_misspelt() -> None:
    """The schema of start-up passes over unknown keys in silence; that of Airflow's own providers does not."""
    strict = schema("provider.yaml.schema.json")["properties"]["connection-types"]

    jsonschema.validate(INFO["connection-types"], strict)
    known = set(strict["items"]["properties"])
    assert all(set(entry) <= known for entry in INFO["connection-types"])
    misspelt = [{**INFO["connection-types"][0], "ui-field-behaviour": {"hidden_fields": []}}]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(misspelt, strict)


def modules() -> Iterator[str]:
    for room in ("hooks", "operators", "sensors", "triggers"):
        for entry in INFO[room]:
            yield from entry["python-modules"]
    for entry in INFO["transfers"]:
        yield entry["python-module"]


@pytest.mark.parametrize("module", list(modules()))
def test_every_listed_module_exists(module: str) -> None:
    assert importlib.import_module(module).__doc__


def found(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


@pytest.mark.parametrize("conn_type", CONNECTION_TYPES)
def test_every_connection_type_has_its_hook_and_its_platform(conn_type: str) -> None:
    hook = found(CONNECTION_TYPES[conn_type]["hook-class-name"])

    assert issubclass(hook, BaseHook)
    assert (hook.conn_type, hook.hook_name) == (conn_type, CONNECTION_TYPES[conn_type]["hook-name"])
    assert hook.conn_name_attr == "conn_id"
    assert hook.default_conn_name == f"{conn_type}_default"
    assert callable(hook.test_connection)
    assert adapter_class(conn_type).hook_class == f"{hook.__module__}:{hook.__name__}"


def test_every_platform_of_ours_has_a_connection_type() -> None:
    assert set(CONNECTION_TYPES) == set(BUILT_IN)


@pytest.mark.parametrize("link", INFO["extra-links"])
def test_every_link_exists(link: str) -> None:
    assert issubclass(found(link), BaseOperatorLink)


@pytest.mark.parametrize("conn_type", CONNECTION_TYPES)
def test_a_form_can_be_saved_with_none_of_the_extra_fields_filled_in(conn_type: str) -> None:
    for name, field in CONNECTION_TYPES[conn_type]["conn-fields"].items():
        assert "null" in field["schema"]["type"], f"{name} would be a required field"
        assert field["description"], name


@pytest.mark.parametrize("conn_type", CONNECTION_TYPES)
def test_json_fields_are_small_text_boxes(conn_type: str) -> None:
    """Airflow's editor of an object fills the screen."""
    fields = CONNECTION_TYPES[conn_type]["conn-fields"]
    assert all("object" not in field["schema"]["type"] for field in fields.values())
    assert fields["paths"]["schema"]["format"] == "multiline"


def test_it_imports_nothing() -> None:
    """Airflow calls it while it starts: an import could import Airflow, which is only half initialized."""
    code = (
        "import sys, airflow_provider_sessions.get_provider_info as info; info.get_provider_info(); "
        "print([name for name in sys.modules if name.startswith('airflow') and not name.startswith('airflow_pro')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
