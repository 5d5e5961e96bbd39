"""FP32 beside INT8 as charts: each function draws a part of `figures.Int8Figures` as PNG."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from edgepatent_export.figures import Drop, Range
from edgepatent_train.report.charts import LEVELS, QUIET, canvas

MOST_LAYERS = 40
MOST_OPERATORS = 12
SHARE_SHOWN = 0.01
FP32, INT8 = "#8a8880", "#2f6f8f"


def drops(levels: Mapping[str, Drop], max_drop: float) -> bytes:
    """Points of mAP that INT8 loses at each level, with the interval, and what is allowed."""
    with canvas(8, 1.2 + 0.5 * len(levels)) as (figure, out):
        axes = figure.subplots()
        for place, (level, drop) in enumerate(levels.items()):
            colour = LEVELS[level]
            axes.plot((100 * drop.low, 100 * drop.high), (place, place), color=colour, lw=3)
            axes.plot(100 * drop.drop, place, "o", color=colour, ms=9)
            axes.annotate(
                f"{100 * drop.drop:+.2f}",
                (100 * drop.drop, place),
                (0, 8),
                textcoords="offset points",
                ha="center",
            )
        axes.axvline(0, color="#1d1d1b", lw=1)
        axes.axvline(100 * max_drop, color="#b3261e", lw=1, ls="--", label="allowed")
        axes.set_yticks(
            range(len(levels)),
            [f"{level}\n{d.fp32:.3f} → {d.int8:.3f}" for level, d in levels.items()],
        )
        axes.set_ylim(len(levels) - 0.4, -0.7)
        axes.set_xlabel("points of mAP lost (right is worse), 95 % interval")
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return out.getvalue()


def layers(losses: Mapping[str, float]) -> bytes:
    """The layers that cost most, each quantised alone."""
    few = dict(list(losses.items())[:MOST_LAYERS])
    with canvas(8, 1.2 + 0.2 * len(few)) as (figure, out):
        axes = figure.subplots()
        axes.barh(range(len(few)), list(few.values()), color=INT8)
        _names(axes, list(few))
        axes.set_xlabel("1 − cosine to FP32 with this layer alone in INT8")
    return out.getvalue()


def ranges(found: Mapping[str, Range]) -> bytes:
    """What each layer's outputs are clipped to (thick) of what calibration saw (thin)."""
    few = dict(list(found.items())[: 2 * MOST_LAYERS])
    with canvas(8, 1.4 + 0.17 * len(few)) as (figure, out):
        axes = figure.subplots()
        for place, each in enumerate(few.values()):
            axes.plot((each.least, each.most), (place, place), color="#c9c7bf", lw=1.5)
            axes.plot(
                (each.low, each.high), (place, place), color=INT8, lw=4, solid_capstyle="butt"
            )
        axes.set_xscale("symlog", linthresh=1)
        _names(axes, list(few))
        axes.set_xlabel("value (logarithmic beyond ±1)")
        axes.set_title("from the input at the top to the embedding")
    return out.getvalue()


def milliseconds(found: Mapping[str, Mapping[str, float]]) -> bytes:
    """Where the time of one drawing goes, by kind of operator, FP32 and INT8."""
    total = sum(sum(part.values()) for part in found.values())
    largest = {
        kind: max(p.get(kind, 0) for p in found.values()) for p in found.values() for kind in p
    }
    kinds = [
        k for k in sorted(largest, key=lambda k: -largest[k]) if largest[k] > SHARE_SHOWN * total
    ]
    kinds = kinds[:MOST_OPERATORS]
    with canvas(8, 1.4 + 0.42 * len(kinds)) as (figure, out):
        axes = figure.subplots()
        for number, (name, part) in enumerate(found.items()):
            places = [place + (number - 0.5) * 0.38 for place in range(len(kinds))]
            axes.barh(
                places,
                [part.get(kind, 0) for kind in kinds],
                0.36,
                color=(FP32, INT8)[number],
                label=f"{name}: {sum(part.values()):.1f} ms in all",
            )
        _names(axes, kinds)
        axes.set_xlabel("ms a drawing, one thread, under the profiler")
        axes.legend(loc="lower right")
    return out.getvalue()


def _names(axes: Axes, names: Sequence[str]) -> None:
    """Names beside the bars, the first at the top."""
    size = 9 if len(names) < 15 else 7
    axes.set_yticks(range(len(names)), [name.removeprefix("backbone.") for name in names])
    axes.tick_params(axis="y", labelsize=size, length=0, labelcolor="#1d1d1b", color=QUIET)
    axes.set_ylim(len(names) - 0.4, -0.6)
