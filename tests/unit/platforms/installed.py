"""Packages that are installed for one test, with entry points and modules of their own."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from airflow_provider_sessions.platforms import registry

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a package: its name, ``{connection type: entry point}``, ``{module: source}``, and its provider info."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)

    def install(
        package: str, points: dict[str, str], modules: dict[str, str] | None = None, provider_info: str | None = None
    ) -> None:
        info = folder / f"{package.replace('-', '_')}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n")
        lines = [f"[{registry.GROUP}]", *(f"{name} = {value}" for name, value in points.items())]
        if provider_info is not None:
            lines += ["[apache_airflow_provider]", f"provider_info = {provider_info}"]
        (info / "entry_points.txt").write_text("\n".join(lines))
        for name, source in (modules or {}).items():
            (folder / f"{name}.py").write_text(source)
        forget()

    yield install
    for name in set(sys.modules) - before:
        if str(folder) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
    forget()


def forget() -> None:
    """Let the next lookup read what is installed now."""
    importlib.invalidate_caches()
    registry._find_registered.cache_clear()
    registry.adapter_class.cache_clear()
