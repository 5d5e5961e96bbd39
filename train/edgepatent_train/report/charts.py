"""The figures of a run as charts: each function draws one structure of `gathered` as PNG."""

import io
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from edgepatent_train.report.gathered import REST, Confusion, Curves, Point

DPI = 110
LEVELS = {"patent": "#8a3b12", "subclass": "#2f6f8f", "class": "#5d7a1f"}
QUIET = "#85837c"
# Okabe & Ito's colours, which differ for colour-blind readers too, and a few between them.
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a5195", "#8c564b")
STYLE: Any = {
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": QUIET,
    "axes.grid": True,
    "grid.color": "#e6e4dc",
    "axes.axisbelow": True,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
}


@contextmanager
def canvas(width: float, height: float) -> Iterator[tuple[Figure, io.BytesIO]]:
    """A figure of so many inches, and where its PNG goes when the block ends."""
    out = io.BytesIO()
    with rc_context(STYLE):
        figure = Figure(figsize=(width, height), dpi=DPI)
        FigureCanvasAgg(figure)
        yield figure, out
        figure.savefig(out, format="png", metadata={"Software": None})


def curves(found: Curves) -> bytes:
    """Loss, learning rate, and mAP of each level with its interval, by step."""
    with canvas(11, 3.4) as (figure, out):
        loss, rate, scores = figure.subplots(1, 3, width_ratios=(1, 1, 1.4))
        for axes, title, values in (
            (loss, "loss", found.loss),
            (rate, "learning rate", found.learning_rate),
        ):
            axes.set_title(title)
            axes.plot(
                found.steps, values, color="#1d1d1b", marker="." if len(values) < 30 else None
            )
            if not values:
                _nothing(axes, "no step was trained")
        scores.set_title("mAP on held-out patents, 95 % intervals")
        drawn = False
        for level, course in found.levels.items():
            value = np.array(course.map, np.float64)
            low, high = np.array(course.low, np.float64), np.array(course.high, np.float64)
            if np.isnan(value).all():
                continue
            drawn, colour = True, LEVELS[level]
            scores.plot(course.steps, value, color=colour, marker="o", ms=4, label=level)
            scores.fill_between(course.steps, low, high, color=colour, alpha=0.13, lw=0)
            scores.axhline(value[0], color=colour, lw=0.8, ls=":")
        if drawn:
            scores.set_ylim(bottom=0)
            scores.legend(loc="upper left", bbox_to_anchor=(1, 1))
        else:
            _nothing(scores, "nothing was held out")
        for axes in (loss, rate, scores):
            axes.set_xlabel("step")
            axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    return out.getvalue()


def embedding_map(points: Sequence[Point]) -> bytes:
    """Held-out drawings where a t-SNE puts them, coloured by class, joined within patents."""
    labels = [point.label for point in points]
    ranked = sorted(set(labels), key=lambda label: (-labels.count(label), label))
    named, rest = ranked[: 2 * len(PALETTE)], ranked[2 * len(PALETTE) :]
    with canvas(9.5, 6) as (figure, out):
        axes = figure.subplots()
        places: dict[str, list[Point]] = {}
        for point in points:
            places.setdefault(point.patent, []).append(point)
        for own in places.values():
            middle = np.mean([(p.x, p.y) for p in own], axis=0)
            for p in own:
                axes.plot((p.x, middle[0]), (p.y, middle[1]), color="#d9d7cf", lw=0.6, zorder=1)
        for number, label in enumerate(named):
            own = [p for p in points if p.label == label]
            axes.scatter(
                [p.x for p in own],
                [p.y for p in own],
                s=22,
                color=QUIET if label == "unknown" else PALETTE[number % len(PALETTE)],
                marker="o" if number < len(PALETTE) else "^",
                label="\n".join(textwrap.wrap(f"{label} ({len(own)})", 34)),
                zorder=2,
            )
        if rest:
            others = [p for p in points if p.label in rest]
            axes.scatter(
                [p.x for p in others],
                [p.y for p in others],
                s=14,
                color="#bfbdb4",
                label=f"{len(rest)} rarer classes ({len(others)})",
            )
        axes.set_xticks([])
        axes.set_yticks([])
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=8)
        axes.spines[:].set_visible(False)
        axes.set_title("held-out drawings; grey lines join those of one patent")
    return out.getvalue()


def confusion(found: Confusion, level: str) -> bytes:
    """Shares of each row: what the nearest drawing of another patent is."""
    counts = np.array(found.counts, np.float64)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    size = 4.8 + 0.34 * len(found.columns), 2.2 + 0.34 * len(found.labels)
    with canvas(*size) as (figure, out):
        axes = figure.subplots()
        axes.grid(visible=False)
        axes.imshow(shares, cmap="YlGnBu", vmin=0, vmax=1)
        codes = [label if label == REST else label.split(" ")[0] for label in found.columns]
        if len(set(codes)) < len(codes):  # no Locarno codes: names of another taxonomy
            codes = [_short(label) for label in found.columns]
        axes.set_xticks(range(len(codes)), codes, rotation=90)
        queries = counts.sum(1)
        axes.set_yticks(
            range(len(queries)),
            [f"{_short(name)} ({int(n)})" for name, n in zip(found.labels, queries, strict=True)],
        )
        axes.set_xlabel("nearest drawing of another patent")
        axes.set_ylabel(f"{level} of the query (queries)")
        axes.set_title(f"{100 * found.right:.0f} % are of the query's {level}", loc="right")
        for row, column in np.argwhere(counts > 0):
            share = shares[row, column]
            axes.text(
                column,
                row,
                f"{100 * share:.0f}",
                ha="center",
                va="center",
                fontsize=7,
                color="white" if share > 0.55 else "#1d1d1b",
            )
    return out.getvalue()


def views(found: Mapping[str, Mapping[int, int]]) -> bytes:
    """How many patents have one drawing, two, three …"""
    with canvas(7.5, 2.8) as (figure, out):
        axes = figure.subplots()
        most = max(max(counts) for counts in found.values())
        width = 0.8 / len(found)
        for number, (name, counts) in enumerate(found.items()):
            places = [views + (number - (len(found) - 1) / 2) * width for views in counts]
            colour = (LEVELS["patent"], LEVELS["subclass"])[number % 2]
            total = sum(counts.values())
            axes.bar(places, list(counts.values()), width, color=colour, label=f"{name} ({total})")
        axes.set_xlim(0.4, most + 0.6)
        if most <= 20:
            axes.set_xticks(range(1, most + 1))
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("drawings of a patent")
        axes.set_ylabel("patents")
        axes.legend()
    return out.getvalue()


def _short(label: str) -> str:
    return textwrap.shorten(label, 30, placeholder="…")


def _nothing(axes: Axes, text: str) -> None:
    axes.text(0.5, 0.5, text, ha="center", va="center", color=QUIET, transform=axes.transAxes)
