"""Other languages for the process, as a DAG may set them."""

from __future__ import annotations

import atexit
import locale
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest


@cache
def _compiled(language: str) -> Path:
    """A folder that holds the locale; skips where Debian's package ``locales`` is missing."""
    compiler = shutil.which("localedef")
    if compiler is None or not Path("/usr/share/i18n/locales", language).exists():
        pytest.skip("needs localedef and the sources of locales: apt-get install locales")
    folder = Path(tempfile.mkdtemp(prefix="locales-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    target = folder / f"{language}.UTF-8"
    subprocess.run([compiler, "-i", language, "-f", "UTF-8", target], check=True, capture_output=True)
    return folder


@contextmanager
def in_language(language: str) -> Iterator[None]:
    """Let dates be written in a language (``de_DE``) by everything that asks the locale."""
    folder = _compiled(language)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOCPATH", os.fspath(folder))
        before = locale.setlocale(locale.LC_ALL)
        locale.setlocale(locale.LC_ALL, f"{language}.UTF-8")
        try:
            yield
        finally:
            locale.setlocale(locale.LC_ALL, before)
