"""The table of `int8`: from its notes and times to Markdown."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgepatent_runtime import metrics

# What a network's INT8 is compared with: its own FP32, or that of the network it replaces.
BASELINE = {"efficientnet_b0-edge": "efficientnet_b0", "mobilevit_xxs-edge": "mobilevit_xxs"}
GOALS = {
    "tf_efficientnet_lite0": 1.75,
    "efficientnet_b0-edge": 1.6,
    "mobilenetv4_conv_small": 1.5,
    "mobilevit_xxs-edge": 1.35,
}
LABELS = {
    "fp32": "FP32",
    "int8": "INT8",
    "finetuned": "INT8 after --finetune",
    "optimum": "optimum INT8",
    "openvino": "OpenVINO INT8",
}
MOST = 0.5  # points of mAP that INT8 may cost
EAGER, SMALLER = 5.0, 3.0  # times faster than PyTorch eager, times smaller than FP32
SAME = 0.98  # FP32 "as fast as" another file: medians of one run differ by so much anyway
SHOWN = 8  # operators of a profile
ALONE = "alone it costs a cosine"  # how `repair` begins to say why a layer stays in float


def table(names: Sequence[str], work: Path) -> str:
    """Everything as Markdown."""
    found = json.loads((work / "times.json").read_text("utf-8"))
    times, profiles = found["times"], found["profiles"]
    names = [name for name in names if name in times]
    notes = {
        name: json.loads((work / name / "notes.json").read_text("utf-8"))
        for name in names
        if (work / name / "notes.json").exists()
    }
    parts = [
        HEADER.format(machine=found["machine"]),
        SPEED,
        *_rows(["network", "PyTorch eager", "timm's ONNX", "plain ONNX", "FP32", "INT8 (p95)",
                "optimum INT8", "OpenVINO INT8"], [_milliseconds(n, times[n]) for n in names]),
        "",
        *_rows(["network", "INT8 against", "to reach", "INT8 against eager",
                "FP32 against plain ONNX", "FP32 against timm's ONNX"],
               [_ratios(n, times) for n in names]),
        "\n## Size (MB of the model file)\n",
        *_rows(["network", "FP32", "INT8", "times smaller", "optimum INT8"],
               [_sizes(n, work / n) for n in notes]),
        GOAL,
        _goals(names, times, {n: _smaller(work / n) for n in notes}),
        SCORES.format(calibrated=_either([n["calibrated"] for n in notes.values()])),
        *_rows(["network (steps)", "drawings (number)", "level", "FP32",
                *(LABELS[v] for v in LABELS if v != "fp32")],
               [row for name, note in notes.items() for row in _scores(name, note)]),
        _verdict(notes),
        COSINES,
        *_rows(["network", "drawings", *(LABELS[v] for v in LABELS if v != "fp32")],
               [row for name, note in notes.items() for row in _cosines(name, note)]),
        "\n## What stayed in float, and why\n",
        *[_plan(name, LABELS[variant], plan)
          for name, note in notes.items() for variant, plan in note["plans"].items()],
        PROFILES,
        *_rows(["network", "", "sum", f"the {SHOWN} costliest operators"],
               [row for name in profiles for row in _profile(name, profiles[name])]),
        NOTES,
    ]  # fmt: skip
    return "\n".join(parts)


def _rows(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]


def _milliseconds(name: str, row: dict[str, Any]) -> list[str]:
    ms = {variant: f"{median:.1f}" for variant, (median, _) in row.items()}
    if "int8" in row:
        ms["int8"] = f"**{ms['int8']}** ({row['int8'][1]:.1f})"
    columns = ("torch", "timm", "plain", "fp32", "int8", "optimum", "openvino")
    return [name, *(ms.get(variant, "") for variant in columns)]


def _ratios(name: str, times: dict[str, dict[str, Any]]) -> list[str]:
    row = {variant: median for variant, (median, _) in times[name].items()}
    base = BASELINE.get(name, name)
    against = eager = ""
    if "int8" in row:
        gain = times[base]["fp32"][0] / row["int8"]
        against = f"{gain:.2f}× FP32" + (f" of {base}" if base != name else "")
        eager = f"{row['torch'] / row['int8']:.1f}×"
    goal = f"{GOALS[name]}×" if name in GOALS else ""
    plain, timm = (f"{row[variant] / row['fp32']:.2f}×" for variant in ("plain", "timm"))
    return [name, against, goal, eager, plain, timm]


def _sizes(name: str, folder: Path) -> list[str]:
    fp32, int8, optimum = (
        (folder / f"{variant}.onnx").stat().st_size / 1e6 for variant in ("fp32", "int8", "optimum")
    )
    return [name, f"{fp32:.2f}", f"{int8:.2f}", f"{fp32 / int8:.2f}×", f"{optimum:.2f}"]


def _smaller(folder: Path) -> float:
    return (folder / "fp32.onnx").stat().st_size / (folder / "int8.onnx").stat().st_size


def _goals(names: Sequence[str], times: dict[str, dict[str, Any]], sizes: dict[str, float]) -> str:
    """Which goals are reached, by network."""
    made = [name for name in names if "int8" in times[name]]
    ms = {name: {v: median for v, (median, _) in times[name].items()} for name in names}
    gains = {n: ms[BASELINE.get(n, n)]["fp32"] / ms[n]["int8"] for n in made}
    goals = {
        "INT8 against FP32": [(n, gains[n], GOALS[n]) for n in made],
        "INT8 against PyTorch eager": [(n, ms[n]["torch"] / ms[n]["int8"], EAGER) for n in made],
        "times smaller than FP32": [(n, sizes[n], SMALLER) for n in made],
        "FP32 as fast as the plain ONNX of the same network": [
            (n, ms[n]["plain"] / ms[n]["fp32"], SAME) for n in names
        ],
    }
    lines = []
    for what, found in goals.items():
        missed = [f"{n} ({value:.2f} of {goal:g})" for n, value, goal in found if value < goal]
        reached = [n for n, value, goal in found if value >= goal]
        lines.append(
            f"- {what}: reached by {', '.join(reached) or 'none'}"
            + (f"; missed by {', '.join(missed)}." if missed else ".")
        )
    return "\n".join(lines)


def _scores(name: str, note: dict[str, Any]) -> list[list[str]]:
    rows = []
    for exam, found in note["scores"].items():
        for level in metrics.LEVELS:
            cells = [
                f"{name} ({note['steps']})",
                f"{exam} ({note['examined'][exam]})",
                level,
                f"{100 * found['fp32']['mAP'][level]:.2f}",
            ]
            cells += [_drop(found, variant, level) for variant in LABELS if variant != "fp32"]
            rows.append(cells)
    return rows


def _drop(found: dict[str, Any], variant: str, level: str) -> str:
    if variant not in found:
        return ""
    drop = 100 * (found["fp32"]["mAP"][level] - found[variant]["mAP"][level])
    low, high = (100 * value for value in found[variant]["drop_interval"][level])
    return f"{drop:+.2f} ({low:+.2f} to {high:+.2f})"


def _cosines(name: str, note: dict[str, Any]) -> list[list[str]]:
    return [
        [name, exam, *(_cosine(found, v) for v in LABELS if v != "fp32")]
        for exam, found in note["scores"].items()
    ]


def _cosine(found: dict[str, Any], variant: str) -> str:
    if variant not in found:
        return ""
    mean, least = found[variant]["cosine"]
    return f"{mean:.4f} ({least:.3f})"


def _verdict(notes: dict[str, Any]) -> str:
    """Which drops of ours pass the limit, by their value and by their interval."""
    lines = []
    for variant in ("int8", "finetuned"):
        drops = [
            (100 * (found["fp32"]["mAP"][level] - found[variant]["mAP"][level]),
             100 * found[variant]["drop_interval"][level][1],
             f"{name}, {exam}, {level}")
            for name, note in notes.items()
            for exam, found in note["scores"].items()
            if variant in found
            for level in metrics.LEVELS
        ]  # fmt: skip
        if not drops:
            continue
        over = [f"{what} ({drop:+.2f})" for drop, _, what in drops if drop > MOST]
        wide = sum(drop <= MOST < high for drop, high, _ in drops)
        lines.append(
            f"\n{LABELS[variant]}: {len(drops) - len(over)} of {len(drops)} drops are at most "
            f"{MOST} points ({wide} of them with an interval that reaches beyond)"
            + (f"; not so {'; '.join(over)}." if over else ".")
        )
    return "\n".join(lines)


def _plan(name: str, label: str, plan: dict[str, Any]) -> str:
    costs = sorted(why.split()[-1] for why in plan["kept_float"].values() if ALONE in why)
    reasons = Counter(
        f"{ALONE} of {costs[0]} to {costs[-1]}" if ALONE in why else why
        for why in plan["kept_float"].values()
    )
    listed = "; ".join(
        f"{count} layer{'s' if count > 1 else ''}: {why}" for why, count in reasons.items()
    )
    repairs = ", ".join(plan["repairs"]) or "none"
    return (
        f"- **{name}**, {label}: {listed or 'nothing that could be quantised'}. Ranges: "
        f"{plan['method']}. Repairs: {repairs}."
    )


def _profile(name: str, profile: dict[str, dict[str, float]]) -> list[list[str]]:
    rows = []
    for variant, kinds in profile.items():
        first = list(kinds.items())[:SHOWN]
        listed = ", ".join(f"{kind} {ms:.2f}" for kind, ms in first)
        rows.append([name, LABELS[variant], f"{sum(kinds.values()):.1f}", listed])
    return rows


def _either(values: Sequence[int]) -> str:
    return " or ".join(str(value) for value in sorted(set(values)))


HEADER = """# INT8 beside FP32

Made by `benchmarks/int8.py` (stages `train`, `make`, `finetune`, `time`, `table`). One drawing at a
time on one thread, milliseconds (median; in turns over all files within one run, so that ratios
hold where absolute figures do not), on {machine}.

FP32 and INT8 are the files that `edgepatent export` writes, with uint8 drawings in and unit-length
embeddings out. "timm's ONNX" is torch's own export of the timm backbone alone: it pools, projects
and normalises nothing. "plain ONNX" is torch's own export of the same network as a whole.
"optimum INT8" is its VNNI preset with MinMax calibration and every operator, of our FP32 graph;
"OpenVINO INT8" what NNCF's default post-training quantisation makes of that graph.
"""
SPEED = "## Speed\n"
SCORES = """
## Scores

mAP of FP32 in points, and the drop FP32 − INT8 with its paired 95 % interval over designs. The
networks were trained by `train` on 8,000 synthetic drawings of 2,000 designs, at half of their
size, in so many steps of 32 (lite0 from ImageNet weights, the others from random ones with lite0
as their teacher), and got heads fitted in closed form at full size: enough to see what INT8 costs,
not to compare networks. Ranges were learned from {calibrated} drawings: 200 synthetic ones and
every tenth real patent, none of which is examined. Vectors are rounded to int8 rows first, as a
collection stores them.
"""
COSINES = """
Cosine between INT8 and FP32, mean (least):
"""
PROFILES = """
## Where the time goes

Milliseconds a drawing by type of operator, from onnxruntime's profiler on one thread (the sum of
every node's median; in a run of its own, so that sums differ from the medians above).
"""
GOAL = """
## Goals
"""
NOTES = """
## Read with care

- `efficientnet_b0` and `mobilevit_xxs` have random weights and are only timed: they are what the
  edge variants (ReLU, no gates) replace, and speed does not depend on weights.
- What is hard about `mobilevit_xxs-edge`: residual branches add values with a standard deviation of
  .03 to maps that reach ±23, so that one rounding step of the sum, .14, is larger than what the
  branch has to say, and the next convolution amplifies it. One such convolution alone costs a
  cosine of .97. No choice of ranges and repairs brings the whole above .58; with its eight most
  sensitive layers in float it is at .95 and the mAP is whole, at 8.3 ms instead of 7.9. Rounded
  throughout, as plain optimum and OpenVINO do, it loses 3.5 to 5.4 points.
- `--finetune` of the same network, everything rounded: a cosine of .94 instead of .15, and 1.0 to
  1.4 points lost instead of 4.3 to 4.7. `edgepatent export` does not come to it here, since the
  eight layers in float hold the limit.
- PyTorch eager depends on how memory is handed out: 4.7 to 4.9 times INT8 in an earlier run of the
  same networks on such a machine, in which everything took longer, 4.3 to 4.7 here. Five times
  was reached by none in either; MobileViT spends a third of its time in attention, which stays in
  float.
- `efficientnet_b0-edge` cannot start from the weights of lite0, though all 294 names and shapes
  fit: lite0 pads as TensorFlow does, has another ε in BatchNorm, and clips at 6. Loaded as they
  are they give features that have nothing to do with lite0's (cosine .001 about the mean; .73 with
  ε and ReLU6 put right).
- FP32 against timm's backbone alone, `mobilenetv4_conv_small`, by operator: all convolutions take
  the same (3.60 and 3.54 ms); what ours does besides takes 0.19 ms: the projection 64 µs, GeM 56,
  the cast and shift of the uint8 drawing 39, normalisation 28. It is not the graph: "plain ONNX" is
  the fair comparison. (GlobalAveragePool in place of ReduceMean in the gates of `efficientnet_b0`
  gains 1 %, not enough to rewrite for; Sigmoid and Mul in place of onnxruntime's fused SiLU lose
  14 %.)
- MobileViT, CPU time of one thread, random weights, before and after the rewriting of `simplify`:
  FP32 of the SiLU network 13.6 → 12.4 ms, INT8 of the edge network 11.2 → 8.3. Of INT8's 20
  transpositions (0.8 ms) 8 are left (0.07); 39 additions of biases, 29 DequantizeLinear and 9
  products with weights in 8 bits but activations in float are gone. Of the 8.2 ms that remain
  attention takes 3.0, and 2.35 of that are the two blocks with 256 tokens; it stays in float.
- The search leaves in float what is faster *when it looks*. These files were made while another
  program kept the second core busy; `time` was run alone.

## One file, several processors

- `tests/runtime/test_portability.py` (slow): the starter on emulated Haswell and Skylake-Server
  (AVX2 and AVX-512 without VNNI) gives its golden embeddings to a cosine of .999 or more with the
  runtime's session, and below .99 (.69 for an earlier starter) when opened plainly.
- `benchmarks/arm64.sh`: the starter on an emulated arm64 processor (Debian 12, Python 3.11,
  onnxruntime 1.27, numpy 2.4) gives its 8 golden embeddings to a least cosine of .9996.
"""
