"""Evaluate the arguments in a DAG file, as far as they are known before a run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from airflow.providers.common.compat.sdk import ObjectStoragePath
from jinja2 import Environment, TemplateSyntaxError, nodes

from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.messages import quote_value


class _Unknown:
    """A value that is known only in a run."""

    def __repr__(self) -> str:
        return "<known when the task runs>"


UNKNOWN = _Unknown()
_COLLECTIONS = (list, tuple, set, frozenset)


def evaluate_literal(value: Any, environment: Environment | None) -> Any:
    """Return the value that the task will have, with :data:`UNKNOWN` for values that are known only in a run.

    A text is rendered as Airflow renders it; native rendering may turn it into a number.

    :param value: the value in the DAG file.
    :param environment: the environment of the task's templates; None if the argument is not templated.
    :raises InputError: a template cannot be parsed.
    """
    if hasattr(value, "resolve") and not isinstance(value, os.PathLike):
        # XComArgs, mapped arguments, parameters of the DAG. A value that Airflow's literal() wraps is known.
        return value.value if type(value).__name__ == "LiteralValue" else UNKNOWN
    if environment is None:
        return value
    if isinstance(value, str):
        return _render(value, environment)
    if isinstance(value, ObjectStoragePath):
        return UNKNOWN if _render(str(value), environment) is UNKNOWN else value
    if isinstance(value, Mapping):
        return {key: evaluate_literal(item, environment) for key, item in value.items()}
    if isinstance(value, _COLLECTIONS):
        return [evaluate_literal(item, environment) for item in value]
    return UNKNOWN if callable(value) else value


def is_known(value: Any) -> bool:
    """Whether a value has no part that is known only in a run."""
    if isinstance(value, Mapping):
        return all(map(is_known, value.values()))
    return all(map(is_known, value)) if isinstance(value, list) else value is not UNKNOWN


def _render(text: str, environment: Environment) -> Any:
    try:
        parsed = environment.parse(text)
    except TemplateSyntaxError as error:
        raise InputError(f"{quote_value(text)} is not a template: {error.message}") from None
    outputs = [node for node in parsed.body if isinstance(node, nodes.Output)]
    plain = all(isinstance(part, nodes.TemplateData) for output in outputs for part in output.nodes)
    return environment.from_string(text).render() if plain and len(outputs) == len(parsed.body) else UNKNOWN
