"""The lineage of an export, and its asset events."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.lineage.hook import get_hook_lineage_collector
from airflow.providers.common.compat.sdk import Asset, AssetAlias
from airflow.sdk.definitions.asset import AssetRef

from airflow_provider_sessions.assets import make_asset_uri
from airflow_provider_sessions.export.plan import ExportPlan
from airflow_provider_sessions.export.run import ExportResult
from airflow_provider_sessions.hooks.base import SessionsHook
from airflow_provider_sessions.safe_text import get_logger

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

log = get_logger(__name__)


@contextmanager
def preload_lineage_collector() -> Iterator[None]:
    """Create Airflow's hook lineage collector, if anybody reads it, in a thread while the block waits for the network.

    The first use imports the asset factories of all installed providers, Amazon's with all of boto3, and takes up to
    half a second. The collector must not be used inside of the block, because that could create a second one.
    """
    if not _has_readers():
        yield
        return
    thread = threading.Thread(target=get_hook_lineage_collector, name="lineage", daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def report_lineage(hook: SessionsHook, plan: ExportPlan, result: ExportResult) -> None:
    """Report to the hook lineage collector, if anybody reads it, what was read, and into which folders or tables.

    The inputs have the URIs of :mod:`airflow_provider_sessions.assets`.

    :param hook: the platform's hook, which is the context of inputs and outputs.
    """
    if not _has_readers():
        return
    collector = get_hook_lineage_collector()
    for feature in dict.fromkeys(dataset.feature for dataset in plan.datasets):
        collector.add_input_asset(context=hook, uri=make_asset_uri(plan.platform, plan.account, feature))
    for asset in _list_written_assets(result).values():
        collector.add_output_asset(context=hook, uri=asset.uri)


def emit_outlet_events(
    outlets: Iterable[Any], context: Context, result: ExportResult, summary: Mapping[str, Any]
) -> None:
    """Add what was written to the events of the task's outlets.

    The event of an asset has the task's result as ``extra``, and in ``rows`` the rows of each dataset. An asset alias
    gets an event for each folder or table to which rows were written, with its ``dataset`` and ``rows``.

    :param outlets: the task's outlets: assets, asset references and aliases; others are ignored.
    :param summary: the task's result.
    """
    extra = {name: value for name, value in summary.items() if name != "datasets"}
    rows = {name: sums["rows"] for name, sums in result.datasets.items()}
    for outlet in outlets:
        if isinstance(outlet, AssetAlias):
            for name, asset in _list_written_assets(result).items():
                context["outlet_events"][outlet].add(asset, extra={**extra, "dataset": name, "rows": rows[name]})
        elif isinstance(outlet, Asset | AssetRef):
            context["outlet_events"][outlet].extra.update(extra, rows=rows)


def _has_readers() -> bool:
    """Whether a plugin reads hook lineage. Without one, Airflow's collector does nothing, but imports as much."""
    try:
        from airflow.sdk.plugins_manager import get_hook_lineage_readers_plugins
    except ImportError:  # Airflow 3.1
        return True
    return bool(get_hook_lineage_readers_plugins())


def _list_written_assets(result: ExportResult) -> dict[str, Asset]:
    """Return the asset of each dataset's folder or table to which rows were written."""
    assets = {}
    for name, uri in result.assets.items():
        if result.datasets[name]["rows"]:
            try:
                assets[name] = Asset(uri=uri)
            except ValueError as error:  # a provider may require a host, for example, in URIs of its scheme
                log.warning("%s: %s is no valid asset URI: %s", name, uri, error)
    return assets
