"""INT8 of ours beside plain optimum, OpenVINO and PyTorch: scores, size, milliseconds.

    pip install openvino nncf
    python benchmarks/int8.py train --work DIR [--epochs N]     the networks, on synthetic designs
    python benchmarks/int8.py make --work DIR [NAME…]           their ONNX files and scores
    python benchmarks/int8.py time --work DIR                   all files, taking turns
    python benchmarks/int8.py table --work DIR > benchmarks/int8.md

$EDGEPATENT_SHARED (default ../shared) holds real drawings and ImageNet weights. Each stage keeps
what it has in DIR, so that only the timing needs a machine of its own.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch

from edgepatent_export import certify
from edgepatent_export.drawings import pixels_of, thin
from edgepatent_export.graph import INPUT, to_onnx
from edgepatent_export.repair import find_int8
from edgepatent_export.rotation import fit_rotation
from edgepatent_runtime import metrics
from edgepatent_runtime.encoder import Drawings, open_session
from edgepatent_runtime.record import Record, Skipped
from edgepatent_train.data import drawing_set, read_records
from edgepatent_train.run import Run

SHARED = Path(os.environ.get("EDGEPATENT_SHARED", "../shared"))
LITE0 = SHARED / "weights" / "tf_efficientnet_lite0.in1k_int8deq_nohead.safetensors"
NETWORKS = {
    "tf_efficientnet_lite0": (224, LITE0),
    "efficientnet_b0": (224, None),
    "efficientnet_b0-edge": (224, None),
    "mobilenetv4_conv_small": (224, None),
    "mobilevit_xxs": (256, None),
    "mobilevit_xxs-edge": (256, None),
}
# Of these only FP32 is made: smooth activations have no INT8 kernel, they are what is replaced.
REPLACED = ("efficientnet_b0", "mobilevit_xxs")
# What a network's INT8 is compared with: its own FP32, or that of the network it replaces.
BASELINE = {"efficientnet_b0-edge": "efficientnet_b0", "mobilevit_xxs-edge": "mobilevit_xxs"}
GOALS = {
    "tf_efficientnet_lite0": 1.75,
    "efficientnet_b0-edge": 1.6,
    "mobilenetv4_conv_small": 1.5,
    "mobilevit_xxs-edge": 1.35,
}
TRAINING = "synthetic:designs=60,views=4,seed=3"
CALIBRATION = ("synthetic:designs=48,views=2,seed=4", str(SHARED / "data" / "uspto-sheets"))
EXAMS = {
    "synthetic": "synthetic:designs=40,views=4,seed=5",
    "real sheets": str(SHARED / "data" / "uspto-grants"),
}
VARIANTS = ("fp32", "timm", "int8", "optimum", "openvino")
COLUMNS = (*VARIANTS, "torch")
CALIBRATED = 96
ROUNDS = 60


# OpenVINO's tools report their use unless this module cannot be imported: nothing leaves here.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("stage", choices=["train", "make", "time", "table"])
    parser.add_argument("names", nargs="*", default=[])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--examined", type=int, default=240, help="drawings of each exam at most")
    options = parser.parse_args()
    torch.set_num_threads(1)
    names = options.names or list(NETWORKS)
    if options.stage == "train":
        for name in names:
            train(name, options.work, options.epochs)
    elif options.stage == "make":
        for name in names:
            make(name, options.work, options.examined)
    elif options.stage == "time":
        take_turns(names, options.work)
    else:
        print(table(names, options.work))


def train(name: str, work: Path, epochs: int) -> None:
    """A run of ``name`` at its own size; with 0 epochs only the head is fitted."""
    size, weights = NETWORKS[name]
    folder = work / name
    folder.mkdir(parents=True, exist_ok=True)
    recipe = folder / "recipe.toml"
    recipe.write_text(
        f'extends = "{name}"\n[model]\nsize = {size}\nhead = "whitened"\n'
        "[evaluation]\nholdout = 0.0\n",
        "utf-8",
    )
    command = [
        sys.executable,
        "-m",
        "edgepatent",
        "train",
        "--data",
        TRAINING,
        "--recipe",
        str(recipe),
    ]
    command += ["--epochs", str(epochs), "--out", str(folder / "run")]
    subprocess.run(command + (["--weights", str(weights)] if weights else []), check=True)


def read(specs: Sequence[str], size: int, most: int) -> tuple[Drawings, Sequence[Record]]:
    chosen = drawing_set(thin(read_records(specs, Skipped()), most), size, Skipped())
    return pixels_of(chosen), chosen.records


def make(name: str, work: Path, examined: int) -> None:
    """Every ONNX file of one network, and its scores."""
    size, _ = NETWORKS[name]
    folder = work / name
    run = Run.open(folder / "run")
    model = run.model()
    if name in REPLACED:
        (folder / "fp32.onnx").write_bytes(to_onnx(model, size).SerializeToString())
        (folder / "timm.onnx").write_bytes(plain_export(model, size))
        return
    calibration, _ = read(CALIBRATION, size, CALIBRATED)
    exams = {key: read([spec], size, examined) for key, spec in EXAMS.items()}
    both = np.concatenate([drawings for drawings, _ in exams.values()])
    records = [record for _, found in exams.values() for record in found]
    rotation = fit_rotation(certify.embed(to_onnx(model, size).SerializeToString(), calibration))
    graph = to_onnx(model, size, rotation)
    files = {"fp32": graph.SerializeToString(), "timm": plain_export(model, size)}
    reference = certify.embed(files["fp32"], both)
    exam = certify.Exam(both, records, list(EXAMS.values()))

    def judge(candidate: bytes) -> certify.Certificate:
        return certify.certify(
            files["fp32"], candidate, exam, max_drop=0.005, fp32_embeddings=reference
        )

    found = find_int8(graph, calibration, judge, notify=lambda line: print(name, line, flush=True))
    files["int8"] = found.model
    files["optimum"] = plain_optimum(graph, calibration)
    for variant, content in files.items():
        (folder / f"{variant}.onnx").write_bytes(content)
    openvino_int8(folder / "fp32.onnx", calibration, folder / "openvino.xml")
    answers = {
        variant: {key: queries(runner(folder, variant), exam) for key, exam in exams.items()}
        for variant in ("fp32", "int8", "optimum", "openvino")
    }
    notes = {
        "steps": run.summary()["steps"],
        "examined": {key: len(drawings) for key, (drawings, _) in exams.items()},
        "kept_float": found.plan.kept_float,
        "method": found.plan.method,
        "repairs": found.repairs,
        "accepted": found.certificate.accepted,
        "cosine": [found.certificate.cosine_mean, found.certificate.cosine_min],
        "scores": {
            variant: {key: levels(given) for key, given in found.items()}
            for variant, found in answers.items()
        },
        "drop_interval": {
            key: {
                level: metrics.paired_interval(
                    answers["int8"][key], answers["fp32"][key], level=level
                )
                for level in metrics.LEVELS
            }
            for key in exams
        },
    }
    (folder / "notes.json").write_text(json.dumps(notes, indent=1), "utf-8")


def levels(given: metrics.QueryScores) -> dict[str, float]:
    """mAP by level."""
    found = metrics.summarise(given, resamples=1).levels
    return {level: found[level].map for level in metrics.LEVELS}


def plain_export(model: Any, size: int) -> bytes:
    """What torch's exporter gives for the timm network alone, normalised floats in."""
    sample = torch.zeros(2, 1, size, size)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "timm.onnx"
        program = torch.onnx.export(
            model.backbone,
            (sample,),
            input_names=[INPUT],
            dynamo=True,
            opset_version=20,
            dynamic_shapes=({0: torch.export.Dim("N")},),
            verbose=False,
        )
        assert program is not None
        program.save(str(path))
        return path.read_bytes()


def plain_optimum(graph: onnx.ModelProto, calibration: Drawings) -> bytes:
    """optimum's preset for VNNI as its documentation shows it: MinMax, every operator."""
    from onnxruntime.quantization import CalibrationMethod
    from optimum.onnxruntime import AutoQuantizationConfig, ORTQuantizer
    from optimum.onnxruntime.configuration import CalibrationConfig

    config = AutoQuantizationConfig.avx512_vnni(is_static=True, per_channel=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        onnx.save(graph, path)
        quantizer = ORTQuantizer(path)
        ranges = quantizer.fit(
            Rows(calibration),
            CalibrationConfig("own", "", "", len(calibration), CalibrationMethod.MinMax),
            operators_to_quantize=config.operators_to_quantize,
            onnx_augmented_model_name=Path(folder) / "augmented.onnx",
        )
        quantizer.quantize(config, folder, calibration_tensors_range=ranges)
        return (Path(folder) / "model_quantized.onnx").read_bytes()


class Rows:
    """Drawings [N, 1, S, S] as the data set that optimum iterates over."""

    column_names = (INPUT,)

    def __init__(self, drawings: Drawings) -> None:
        self._drawings = drawings

    def __iter__(self) -> Any:
        return ({INPUT: drawing} for drawing in self._drawings)


def openvino_int8(fp32: Path, calibration: Drawings, out: Path) -> None:
    import nncf
    import openvino

    model = openvino.Core().read_model(fp32)
    data = nncf.Dataset([drawing[None] for drawing in calibration])
    quantised = nncf.quantize(
        model, data, subset_size=len(calibration), preset=nncf.QuantizationPreset.MIXED
    )
    openvino.save_model(quantised, out)


def runner(folder: Path, variant: str) -> Callable[[Drawings], Any]:
    """A function from drawings to embeddings, on one thread."""
    if variant == "torch":
        model = Run.open(folder / "run").model()

        def eager(drawings: Drawings) -> Any:
            with torch.inference_mode():
                return model(torch.from_numpy(drawings)).numpy()

        return eager
    if variant == "openvino":
        import openvino

        core = openvino.Core()
        settings = {"INFERENCE_NUM_THREADS": 1, "PERFORMANCE_HINT": "LATENCY"}
        request = core.compile_model(
            core.read_model(folder / "openvino.xml"), "CPU", settings
        ).create_infer_request()
        return lambda drawings: next(iter(request.infer([drawings]).values())).copy()
    session = open_session((folder / f"{variant}.onnx").read_bytes())
    if variant == "timm":
        return lambda drawings: session.run(
            None, {INPUT: (drawings.astype(np.float32) - 255) / 255}
        )[0]
    return lambda drawings: session.run(None, {INPUT: np.ascontiguousarray(drawings)})[0]


def queries(
    encode: Callable[[Drawings], Any], exam: tuple[Drawings, Sequence[Record]]
) -> metrics.QueryScores:
    """Every drawing of an exam as a query, vectors as a collection stores them."""
    drawings, records = exam
    rows = np.concatenate([encode(drawings[i : i + 1]) for i in range(len(drawings))])
    return metrics.score_queries(
        certify.as_stored(rows),
        [r.patent_id for r in records],
        [r.subclass for r in records],
        [r.klass for r in records],
    )


def there(folder: Path, variant: str) -> bool:
    """Whether a variant of a network was made."""
    file = {"torch": "run", "openvino": "openvino.xml"}.get(variant, f"{variant}.onnx")
    return (folder / file).exists()


def take_turns(names: Sequence[str], work: Path) -> None:
    """Time all variants of all networks, one drawing at a time, in turns."""
    drawings = {size: read(CALIBRATION[:1], size, 1)[0] for size, _ in NETWORKS.values()}
    calls = {}
    for name in names:
        for variant in [v for v in COLUMNS if there(work / name, v)]:
            encode, drawing = runner(work / name, variant), drawings[NETWORKS[name][0]]
            for _ in range(5):
                encode(drawing)
            calls[name, variant] = (encode, drawing)
    times: dict[tuple[str, str], list[float]] = {key: [] for key in calls}
    for _ in range(ROUNDS):
        for key, (encode, drawing) in calls.items():
            start = time.perf_counter()
            encode(drawing)
            times[key].append(1000 * (time.perf_counter() - start))
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for (name, variant), values in times.items():
        found.setdefault(name, {})[variant] = (
            statistics.median(values),
            float(np.percentile(values, 95)),
        )
    (work / "times.json").write_text(json.dumps(found, indent=1), "utf-8")


def table(names: Sequence[str], work: Path) -> str:
    """Everything as Markdown."""
    times = json.loads((work / "times.json").read_text("utf-8"))
    made = [name for name in names if name not in REPLACED]
    scored = [name for name in made if (work / name / "notes.json").exists()]
    notes = {name: json.loads((work / name / "notes.json").read_text("utf-8")) for name in scored}
    parts = [HEADER.format(processor=processor(), python=platform.python_version())]
    parts.append(
        "| network | PyTorch eager | timm's ONNX | FP32 | INT8 (p95) | optimum INT8 "
        "| OpenVINO INT8 | INT8 against | to reach | against eager |\n" + "|---" * 10 + "|"
    )
    for name in names:
        row = times[name]
        ms = {variant: f"{row[variant][0]:.1f}" if variant in row else "" for variant in COLUMNS}
        against = eager = int8 = ""
        if "int8" in row:
            base = BASELINE.get(name, name)
            gain = times[base]["fp32"][0] / row["int8"][0]
            against = f"{gain:.2f}× FP32" + (f" of {base}" if base != name else "")
            eager = f"{row['torch'][0] / row['int8'][0]:.1f}×"
            int8 = f"**{ms['int8']}** ({row['int8'][1]:.1f})"
        goal = f"{GOALS[name]}×" if name in GOALS else ""
        parts.append(
            f"| {name} | {ms['torch']} | {ms['timm']} | {ms['fp32']} | {int8} | {ms['optimum']} "
            f"| {ms['openvino']} | {against} | {goal} | {eager} |"
        )
    parts.append("\n## Size (MB of the model file)\n")
    parts.append("| network | FP32 | INT8 | times smaller | optimum INT8 |\n|---|---|---|---|---|")
    for name in made:
        size = {
            v: (work / name / f"{v}.onnx").stat().st_size / 1e6 for v in ("fp32", "int8", "optimum")
        }
        parts.append(
            f"| {name} | {size['fp32']:.2f} | {size['int8']:.2f} "
            f"| {size['fp32'] / size['int8']:.2f}× | {size['optimum']:.2f} |"
        )
    parts.append("\n## Scores (mAP in points; drop FP32 − INT8 with its 95 % interval)\n")
    parts.append(
        "| network | steps | drawings (number) | level | FP32 | INT8 | drop "
        "| optimum | OpenVINO |\n" + "|---" * 9 + "|"
    )
    for name in scored:
        found = notes[name]["scores"]
        for key in EXAMS:
            count = notes[name]["examined"][key]
            for level in metrics.LEVELS:
                value = {v: 100 * found[v][key][level] for v in found}
                others = f"{value['optimum']:.2f} | {value['openvino']:.2f}"
                low, high = (100 * v for v in notes[name]["drop_interval"][key][level])
                parts.append(
                    f"| {name} | {notes[name]['steps']} | {key} ({count}) | {level} "
                    f"| {value['fp32']:.2f} "
                    f"| {value['int8']:.2f} | {value['fp32'] - value['int8']:+.2f} "
                    f"({low:+.2f} to {high:+.2f}) | {others} |"
                )
    parts.append("\n## What stayed in float, and why\n")
    for name in scored:
        kept = notes[name]["kept_float"]
        reasons = {why: [n for n, w in kept.items() if w == why] for why in kept.values()}
        listed = "; ".join(f"{len(nodes)} layers: {why}" for why, nodes in reasons.items())
        repairs = ", ".join(notes[name]["repairs"]) or "none"
        parts.append(
            f"- **{name}**: {listed or 'nothing that could be quantised'}. Ranges: "
            f"{notes[name]['method']}. Repairs: {repairs}."
        )
    return "\n".join(parts)


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    name = next(
        (line.split(":")[1].strip() for line in lines if line.startswith("model name")), "?"
    )
    vnni = "with" if any("avx512_vnni" in line for line in lines) else "without"
    return f"{name}, {os.cpu_count()} cores, {vnni} VNNI"


HEADER = """# INT8 beside FP32

Made by `benchmarks/int8.py`. One drawing at a time on one thread, milliseconds (median; in turns
over all files within one run, so that ratios hold where absolute figures do not), on {processor};
Python {python}. FP32 and INT8 are the files that `edgepatent export` writes, with uint8 drawings
in and unit-length embeddings out; "timm's ONNX" is torch's own export of the backbone alone (it
pools and projects nothing); "optimum INT8" is its VNNI preset with MinMax calibration and every
operator; OpenVINO's is what NNCF's default post-training quantisation gives.

## Speed
"""

if __name__ == "__main__":
    main()
