"""What an export adds to the report of its run: FP32 beside INT8."""

import msgspec

from edgepatent_export import charts
from edgepatent_export.figures import Int8Figures
from edgepatent_train.checkpoint import write_atomic
from edgepatent_train.report.page import Section, Table
from edgepatent_train.report.run_report import PICTURES, add_sections
from edgepatent_train.run import Run

FIGURES = "int8.json"


def add_to_report(run: Run, found: Int8Figures) -> None:
    """Write the pictures into RUN/pictures and the page anew. Raises `OSError`."""
    write_atomic(run.folder / PICTURES / FIGURES, msgspec.json.encode(found))
    add_sections(run, "int8", [section for section in _sections(found) if section.png])


def _sections(found: Int8Figures) -> list[Section]:
    verdict = "accepted" if found.accepted else "refused"
    return [
        Section(
            f"INT8 beside FP32: {verdict}",
            f"What the bundle {found.bundle} loses by rounding to 8 bits, on drawings that it was "
            "not calibrated on. INT8 is refused where a drop is larger than allowed and its "
            "interval lies above 0.",
            "int8-drop",
            charts.drops(found.levels, found.max_drop) if found.levels else b"",
            (
                Table(
                    ["level", "mAP FP32", "mAP INT8", "drop (points)", "95 % interval"],
                    [
                        [
                            level,
                            f"{d.fp32:.4f}",
                            f"{d.int8:.4f}",
                            f"{100 * d.drop:+.2f}",
                            f"{100 * d.low:+.2f} to {100 * d.high:+.2f}",
                        ]
                        for level, d in found.levels.items()
                    ],
                ),
            ),
        ),
        Section(
            "Where the time goes",
            "One drawing on one thread, by kind of operator. What converts between floats and "
            "integers (QuantizeLinear, DequantizeLinear) is the price of a layer left in float.",
            "int8-time",
            charts.milliseconds(found.milliseconds),
            (
                Table(
                    ["operator", *(f"{name}, ms" for name in found.milliseconds)],
                    [
                        [
                            kind,
                            *(f"{part.get(kind, 0):.3f}" for part in found.milliseconds.values()),
                        ]
                        for kind in dict.fromkeys(
                            kind for part in found.milliseconds.values() for kind in part
                        )
                    ],
                ),
            ),
        ),
        Section(
            "What each layer costs",
            "Each layer quantised alone: the first ones are those to leave in float, should INT8 "
            "be refused.",
            "int8-layers",
            charts.layers(found.layers) if found.layers else b"",
            (Table(["layer", "1 − cosine"], [[k, f"{v:.6f}"] for k, v in found.layers.items()]),),
        ),
        Section(
            "Ranges",
            "Outputs of each quantised layer: thin what calibration saw, thick what 8 bits have to "
            "cover. A thin line much longer than the thick one is an outlier that was clipped.",
            "int8-ranges",
            charts.ranges(found.ranges) if found.ranges else b"",
            (
                Table(
                    ["layer", "low", "high", "least seen", "most seen"],
                    [
                        [k, f"{r.low:.3g}", f"{r.high:.3g}", f"{r.least:.3g}", f"{r.most:.3g}"]
                        for k, r in found.ranges.items()
                    ],
                ),
            ),
        ),
    ]
