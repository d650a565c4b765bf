"""The two pictures: where answers went wrong, and whether confidences mean what they say."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np

from bench.judge.labelled import Answer, Labelled
from bench.judge.measures import Bin, confusion
from jobmedic.knowledge.words import Category

mpl.use("Agg")
from matplotlib import pyplot as plt


def draw_confusion(failures: Sequence[Labelled], answers: Sequence[Answer], path: Path, title: str) -> None:
    """Rows are the truth, columns the answer, shaded by the share of the row."""
    counts = confusion(failures, answers)
    names = list(Category)
    grid = np.array([[counts.get((truth, answer), 0) for answer in names] for truth in names])
    shares = grid / np.maximum(grid.sum(axis=1, keepdims=True), 1)
    figure, axes = plt.subplots(figsize=(9, 8), layout="constrained")
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.argwhere(grid):
        shade = "white" if shares[row, column] > 0.5 else "black"  # noqa: PLR2004 - readable on its own ground
        axes.text(column, row, str(grid[row, column]), ha="center", va="center", color=shade, fontsize=8)
    axes.set_xticks(range(len(names)), [str(name) for name in names], rotation=60, ha="right")
    axes.set_yticks(range(len(names)), [str(name) for name in names])
    axes.set(xlabel="answered", ylabel="labelled", title=title)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def draw_reliability(bins: Sequence[Bin], path: Path, title: str) -> None:
    """Accuracy over stated confidence; the area of a dot is the number of failures behind it."""
    figure, axes = plt.subplots(figsize=(5, 5), layout="constrained")
    axes.plot([0, 1], [0, 1], color="grey", linewidth=1, linestyle="--")
    axes.scatter([b.confidence for b in bins], [b.accuracy for b in bins], s=[10 + 5 * b.count for b in bins])
    for one in bins:
        axes.annotate(str(one.count), (one.confidence, one.accuracy), xytext=(6, -12), textcoords="offset points")
    axes.set(xlim=(0, 1.02), ylim=(0, 1.05), xlabel="stated confidence", ylabel="share right", title=title)
    figure.savefig(path, dpi=110)
    plt.close(figure)
