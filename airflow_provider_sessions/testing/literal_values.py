"""What an argument of a task will be when the task runs, as far as a DAG file tells."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from airflow.providers.common.compat.sdk import ObjectStoragePath
from jinja2 import Environment, TemplateSyntaxError, nodes

from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.messages import quote_value


class _Unknown:
    """A value that only a run tells."""

    def __repr__(self) -> str:
        return "<known when the task runs>"


UNKNOWN = _Unknown()
_COLLECTIONS = (list, tuple, set, frozenset)


def literal(value: Any, environment: Environment | None) -> Any:
    """Return the value as the task will have it, with :data:`UNKNOWN` in place of whatever only a run tells.

    A text is rendered as Airflow will render it, which makes a number of one with native rendering.

    :param value: as the DAG file gives it.
    :param environment: the task's templates' environment; None where the argument is not templated.
    :raises InputError: a template that cannot be parsed.
    """
    if hasattr(value, "resolve") and not isinstance(value, os.PathLike):
        # As Airflow tells them: XComArgs, mapped arguments, parameters of the DAG. What its literal() wraps is known.
        return value.value if type(value).__name__ == "LiteralValue" else UNKNOWN
    if environment is None:
        return value
    if isinstance(value, str):
        return _rendered(value, environment)
    if isinstance(value, ObjectStoragePath):
        return UNKNOWN if _rendered(str(value), environment) is UNKNOWN else value
    if isinstance(value, Mapping):
        return {key: literal(item, environment) for key, item in value.items()}
    if isinstance(value, _COLLECTIONS):
        return [literal(item, environment) for item in value]
    return UNKNOWN if callable(value) else value


def is_known(value: Any) -> bool:
    """Whether nothing in a value is left to the run."""
    if isinstance(value, Mapping):
        return all(map(is_known, value.values()))
    return all(map(is_known, value)) if isinstance(value, list) else value is not UNKNOWN


def _rendered(text: str, environment: Environment) -> Any:
    try:
        parsed = environment.parse(text)
    except TemplateSyntaxError as broken:
        raise InputError(f"{quote_value(text)} is not a template: {broken.message}") from None
    outputs = [node for node in parsed.body if isinstance(node, nodes.Output)]
    plain = all(isinstance(part, nodes.TemplateData) for output in outputs for part in output.nodes)
    return environment.from_string(text).render() if plain and len(outputs) == len(parsed.body) else UNKNOWN
