"""What Airflow is told about an export: its lineage, and what its asset events carry."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.lineage.hook import get_hook_lineage_collector
from airflow.providers.common.compat.sdk import Asset, AssetAlias
from airflow.sdk.definitions.asset import AssetRef

from airflow_provider_sessions.export.plan import ExportPlan
from airflow_provider_sessions.export.run import ExportResult
from airflow_provider_sessions.hooks.base import SessionsHook
from airflow_provider_sessions.safe_text import get_logger

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

log = get_logger(__name__)


@contextmanager
def preload_lineage_collector() -> Iterator[None]:
    """Let Airflow make its collector of hook lineage while the block waits for the network.

    At first use it imports the asset factories of all providers that are installed, Amazon's with all of boto3: up to
    half a second, which each export would pay at its end. It is there when the block is left, and not before: who asks
    for it at the same time might get another one.
    """
    making = threading.Thread(target=get_hook_lineage_collector, name="lineage", daemon=True)
    making.start()
    try:
        yield
    finally:
        making.join()


def report_lineage(hook: SessionsHook, plan: ExportPlan, written: ExportResult) -> None:
    """Tell the collector of hook lineage what was read, and into which folders or tables it went.

    What was read is ``{platform}://{account}/{question}``: ``vidinfra://api.tenbyte.io/attendance``.

    :param hook: that of the platform, which is the context of both.
    """
    collector = get_hook_lineage_collector()
    # An underscore may stand in a connection type, but not in the scheme of an address.
    account = f"{plan.platform.replace('_', '-')}://{plan.account}"
    for feature in dict.fromkeys(dataset.feature for dataset in plan.datasets):
        collector.add_input_asset(context=hook, uri=f"{account}/{feature}")
    for asset in _with_rows(written).values():
        collector.add_output_asset(context=hook, uri=asset.uri)


def emit_outlet_events(
    outlets: Iterable[Any], context: Context, written: ExportResult, told: Mapping[str, Any]
) -> None:
    """Give the events of the task's outlets what was written; a task without outlets emits none.

    The event of an asset carries what the task returns, and in ``rows`` the rows of each dataset. An asset alias gets
    an event for each folder or table that rows were written into, with its ``dataset``, and its own ``rows``.

    :param outlets: of the task: assets, references to some, and aliases; others are passed over.
    :param told: what the task returns.
    """
    about = {name: value for name, value in told.items() if name != "datasets"}
    rows = {name: sums["rows"] for name, sums in written.datasets.items()}
    for outlet in outlets:
        if isinstance(outlet, AssetAlias):
            for name, asset in _with_rows(written).items():
                context["outlet_events"][outlet].add(asset, extra={**about, "dataset": name, "rows": rows[name]})
        elif isinstance(outlet, Asset | AssetRef):
            context["outlet_events"][outlet].extra.update(about, rows=rows)


def _with_rows(written: ExportResult) -> dict[str, Asset]:
    """The folder or table of each dataset that rows were written into."""
    assets = {}
    for name, uri in written.assets.items():
        if written.datasets[name]["rows"]:
            try:
                assets[name] = Asset(uri=uri)
            except ValueError as refused:  # a provider has rules for its scheme, such as that there is a host
                log.warning("%s: Airflow takes %s for no asset: %s", name, uri, refused)
    return assets
