"""The URIs of what a platform holds, as assets of Airflow and as datasets of OpenLineage.

A URI is ``{platform}://{account}/{feature}``, such as ``vidinfra://api.tenbyte.io/attendance``. An export reports them
as its inputs, and a DAG may name them in ``inlets``. Airflow takes such a URI as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from airflow.providers.common.compat.openlineage.facet import Dataset
    from airflow.providers.common.compat.sdk import Asset


def make_asset_uri(platform: str, account: str, feature: str) -> str:
    """Return the URI of what a platform holds.

    :param platform: the connection type.
    :param account: see :func:`~airflow_provider_sessions.export.datasets.account_name`.
    :param feature: a value of :class:`~airflow_provider_sessions.platforms.adapter.Feature`.
    """
    # A connection type may contain an underscore, the scheme of a URI may not.
    return f"{platform.replace('_', '-')}://{account}/{feature}"


def convert_asset_to_openlineage(asset: Asset, lineage_context: object) -> Dataset:
    """Return the dataset of an asset: its namespace is platform and host, its name the rest.

    :param asset: has a URI of this module.
    :param lineage_context: the hook or operator that reported it; it is not used.
    """
    from airflow.providers.common.compat.openlineage.facet import Dataset

    parts = urlsplit(asset.uri)
    return Dataset(namespace=f"{parts.scheme}://{parts.netloc}", name=parts.path.removeprefix("/"))
