#!/usr/bin/env bash
# pydantic 2.14.3: `Annotated[list[int], FailFast()] | None` cannot be a field of a model
#
# Guessed: FailFast, which pydantic offers for validating a sequence up to its first wrong item, may stand in an optional
# field as any other annotation may.
# Seen: the class itself fails with "TypeError: unhashable type: 'FailFast'". The same list without `| None` works, and so
# does Field(fail_fast=True) on the optional one.
# Matters: answers of platforms hold lists that may be null. Without failing fast, a list of a million wrong items takes a
# gigabyte of errors; whoever adds FailFast where it is needed most meets this when the module is imported.
# Date: 2026-11-30
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check pydantic==2.14.3
"$work/env/bin/python" - <<'PYTHON'
from typing import Annotated

from pydantic import BaseModel, FailFast, Field


class Plain(BaseModel):
    items: Annotated[list[int], FailFast()]


class ByField(BaseModel):
    items: list[int] | None = Field(default=None, fail_fast=True)


print("required, by annotation:", Plain(items=[1]))
print("optional, by Field:", ByField(items=[1]))
try:

    class Optional(BaseModel):
        items: Annotated[list[int], FailFast()] | None = None

except TypeError as error:
    print("optional, by annotation:", type(error).__name__, error)
    assert "unhashable" in str(error)
else:
    raise SystemExit("CHANGED: the optional annotation works now")
PYTHON
