"""Signatures name their arguments, so that an editor shows them."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import BaseOperator, BaseSensorOperator

import airflow_provider_sessions
from tests.unit.test_closed_words import CLASSES, parameters
from tests.unit.test_package import AIRFLOW, NEWER

PACKAGE = airflow_provider_sessions.__name__
OPERATORS = [kind for kind in CLASSES if issubclass(kind, BaseOperator)]
OF_SENSORS = {"mode", "poke_interval", "soft_fail", "timeout"}
"""Arguments of Airflow's base of sensors that ours name, too."""
OF_AIRFLOW = {"retry_policy"}
"""Arguments of Airflow's BaseOperator to which a base class of ours gives another default."""
ANY_FIELDS = {
    f"{PACKAGE}.testing.contract.ConnectedPlatform.adapter",  # a connection's extra, which each platform defines
    f"{PACKAGE}.platforms.vidinfra.api.base.body_of",  # a JSON body, for the endpoint functions of this package
}
"""Functions whose keyword arguments have any name."""


def modules() -> Iterator[Any]:
    for found in pkgutil.walk_packages(airflow_provider_sessions.__path__, f"{PACKAGE}."):
        is_private = any(part.startswith("_") for part in found.name.split("."))
        if not is_private and ".sandbox" not in found.name and NEWER.get(found.name, AIRFLOW) <= AIRFLOW:
            yield importlib.import_module(found.name)


def functions() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every public function and method that the package defines, with its name."""
    for module in modules():
        for name, value in vars(module).items():
            if name.startswith("_") or getattr(value, "__module__", None) != module.__name__:
                continue
            if inspect.isfunction(value):
                yield f"{module.__name__}.{name}", value
            elif inspect.isclass(value):
                for attribute, method in vars(value).items():
                    if inspect.isfunction(method) and not attribute.startswith("_"):
                        yield f"{module.__name__}.{name}.{attribute}", method


def takes_any_name(function: Callable[..., Any]) -> bool:
    kinds = [one.kind for one in inspect.signature(function).parameters.values()]
    return inspect.Parameter.VAR_KEYWORD in kinds


def test_no_public_function_hides_its_arguments() -> None:
    hiding = {name for name, function in functions() if takes_any_name(function)}
    assert hiding <= ANY_FIELDS


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_each_class_names_all_arguments_of_ours(kind: type) -> None:
    named = {
        name
        for name, one in inspect.signature(kind.__init__).parameters.items()  # type: ignore[misc]
        if name != "self" and one.kind is not inspect.Parameter.VAR_KEYWORD
    }
    assert named >= parameters(kind).keys() - OF_AIRFLOW
    if issubclass(kind, BaseSensorOperator):
        assert named >= OF_SENSORS


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_only_operators_take_further_arguments_which_are_airflows(kind: type) -> None:
    assert takes_any_name(kind.__init__) == (kind in OPERATORS)  # type: ignore[misc]


@pytest.mark.parametrize("kind", OPERATORS, ids=lambda kind: kind.__name__)
def test_methods_that_airflow_resumes_name_their_arguments(kind: type) -> None:
    for name in {"execute", "execute_complete", "execute_in_slot"} & set(dir(kind)):
        assert not takes_any_name(getattr(kind, name))
