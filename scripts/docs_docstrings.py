"""What mkdocstrings is given of docstrings and signatures: Markdown instead of roles, values instead of constants."""

from __future__ import annotations

import re
from typing import Any

from griffe import ExprName, Extension, Function, Object

ROLE = re.compile(r":\w+:`~?([^`]+)`")
CODE_FOLLOWS = re.compile(r"^ *::\n\n|(?<=:):$", re.MULTILINE)
"""What Markdown does not need before code that is indented: the line ``::``, and the second colon of a sentence."""


class ReadableObjects(Extension):  # type: ignore[misc]  # griffe is installed with mkdocs alone
    """Make docstrings and default values readable for people who do not read the source."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Replace each role, such as ``:class:`~package.Name```, by the last part of its name, and remove ``::``."""
        if obj.docstring is not None:
            text = ROLE.sub(lambda role: f"`{role[1].rpartition('.')[2]}`", obj.docstring.value)
            obj.docstring.value = CODE_FOLLOWS.sub("", text).replace("``", "`")

    def on_package(self, *, pkg: Object, **_: Any) -> None:
        """Replace the names of constants in signatures by their values."""
        for function in _find_functions(pkg):
            for parameter in function.parameters:
                if isinstance(parameter.default, ExprName):
                    parameter.default = _find_value(pkg, parameter.default)


def _find_functions(parent: Object) -> list[Function]:
    found: list[Function] = []
    for member in parent.members.values():
        if member.is_alias:
            continue
        if member.is_function:
            found.append(member)
        elif member.is_module or member.is_class:
            found += _find_functions(member)
    return found


def _find_value(package: Object, name: ExprName) -> Any:
    """Return the value of the package's constant that is named; the name, if it is not one of the package."""
    path = name.canonical_path
    prefix = f"{package.path}."
    if not path.startswith(prefix):
        return name
    try:
        constant = package[path.removeprefix(prefix)]
        constant = constant.final_target if constant.is_alias else constant
    except KeyError:
        return name
    return constant.value if constant.is_attribute and constant.value is not None else name
