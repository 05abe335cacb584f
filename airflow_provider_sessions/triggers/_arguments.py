"""The arguments of triggers, as they are stored in Airflow's database: without those that equal their default.

A default of a trigger therefore never changes: a trigger that is stored now would get the new one.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def get_stored_arguments(trigger: DataclassInstance) -> dict[str, Any]:
    """Return the arguments of a trigger, without those that equal their default.

    :param trigger: a trigger that is a dataclass.
    """
    values = ((field, getattr(trigger, field.name)) for field in fields(trigger))
    return {field.name: value for field, value in values if value != field.default}
