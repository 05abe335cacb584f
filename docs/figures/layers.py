"""Draw layers.png: the layers of the package, as import-linter's contract in pyproject.toml lists them.

    python docs/figures/layers.py

It needs the dependency group "bench".
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import patches
from matplotlib import pyplot as plt

FIGURE = Path(__file__).with_suffix(".png")
PROJECT = FIGURE.parents[2] / "pyproject.toml"
PACKAGE = "airflow_provider_sessions"
TITLES = (
    "for users",
    "Airflow layer",
    "what is done with sessions",
    "one adapter a platform",
    "HTTP and texts",
    "the account's budget; simulated platforms",
    "what all others use",
)
BOXES = 5
"""Boxes in a line of a layer."""


def read_layers() -> list[list[str]]:
    """Return the packages and modules of each layer, the topmost first."""
    contracts = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    [layers] = [contract["layers"] for contract in contracts if contract.get("containers") == [PACKAGE]]
    return [re.findall(r"\w+", layer) for layer in layers]


def draw(layers: list[list[str]]) -> None:
    """Draw a band for each layer, with a box for each of its packages and modules."""
    figure, axes = plt.subplots(figsize=(9, 5.5), layout="constrained")
    top = 0.0
    for number, (title, names) in enumerate(zip(TITLES, layers, strict=True)):
        lines = [names[start : start + BOXES] for start in range(0, len(names), BOXES)]
        height = 0.8 * len(lines) + 0.2
        axes.add_patch(patches.Rectangle((0, top), 8.2, height, color=f"C{number}", alpha=0.15, linewidth=0))
        axes.text(0.1, top + height / 2, title.replace("; ", ";\n"), va="center", fontsize=9)
        for line, row in enumerate(lines):
            for column, name in enumerate(row):
                left, upper = 2.6 + 1.1 * column, top + 0.3 + 0.8 * line
                box = patches.FancyBboxPatch((left, upper), 0.9, 0.4, boxstyle="round,pad=0.06", fc="white", ec="gray")
                axes.add_patch(box)
                label = f"{name}/" if (PROJECT.parent / PACKAGE / name).is_dir() else f"{name}.py"
                axes.text(left + 0.45, upper + 0.2, label, ha="center", va="center", fontsize=8)
        top += height + 0.2
    axes.annotate("imports", (8.6, top - 0.4), (8.6, 0.2), arrowprops={"arrowstyle": "->"}, ha="center")
    axes.set_xlim(0, 9)
    axes.set_ylim(top - 0.3, 0)
    axes.axis("off")
    figure.savefig(FIGURE, dpi=150)
    print(f"{sum(map(len, layers))} packages and modules; drawn: {FIGURE}")


if __name__ == "__main__":
    draw(read_layers())
