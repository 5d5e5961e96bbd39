"""INT8 of ours beside plain optimum, OpenVINO and PyTorch: scores, size, milliseconds.

    pip install openvino nncf
    python benchmarks/int8.py train --work DIR [NAME…]      the networks, on synthetic designs
    python benchmarks/int8.py make --work DIR [NAME…]       their ONNX files and scores
    python benchmarks/int8.py finetune --work DIR NAME…     INT8 after a short training, and scores
    python benchmarks/int8.py time --work DIR               all files, taking turns; profiles
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
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import int8_table
import numpy as np
import onnx
import onnxruntime
import torch

from edgepatent_export import certify
from edgepatent_export.drawings import pixels_of
from edgepatent_export.finetune import finetune
from edgepatent_export.onnx_model import INPUT, OUTPUT, to_onnx
from edgepatent_export.order import principal_axes
from edgepatent_export.quantize import Plan, everything, typed
from edgepatent_export.repair import TRIED, Search, find_int8
from edgepatent_export.sensitivity import leave_what_does_not_pay
from edgepatent_runtime import metrics
from edgepatent_runtime.encoder import Drawings, Embeddings, open_session
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
TRAINING = "synthetic:designs=2000,views=4,seed=3"
# Steps of 32 drawings at half the size, where one is four times cheaper: five to fifteen minutes of
# one core. lite0 begins with ImageNet weights; the others begin with random ones and learn from it
# as well. The two that are replaced are timed only, and that does not depend on weights.
STEPS = {
    "tf_efficientnet_lite0": 300,
    "efficientnet_b0": 0,
    "efficientnet_b0-edge": 400,
    "mobilenetv4_conv_small": 3000,
    "mobilevit_xxs": 0,
    "mobilevit_xxs-edge": 2000,
}
TEACHER = "tf_efficientnet_lite0"
REAL = [str(SHARED / "data" / name) for name in ("uspto-grants", "uspto-sheets")]
CALIBRATION = "synthetic:designs=100,views=2,seed=4"
# Every tenth real patent calibrates, too, with so many drawings; the others examine.
EVERY, ASIDE_VIEWS = 10, 4
SYNTHETIC_EXAM = "synthetic:designs=200,views=4,seed=5"
# Two grants have 126 of the 667 real drawings.
VIEWS = 10
INT8 = ("int8", "finetuned", "optimum", "openvino")
COLUMNS = ("torch", "timm", "plain", "fp32", *INT8)
ROUNDS = 200
PROFILED = 40


# OpenVINO's tools report their use unless this module cannot be imported: nothing leaves here.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("stage", choices=["train", "make", "finetune", "time", "table"])
    parser.add_argument("names", nargs="*", default=[])
    parser.add_argument("--work", type=Path, required=True)
    options = parser.parse_intermixed_args()
    torch.set_num_threads(1)
    names = options.names or list(NETWORKS)
    stages = {"train": train, "make": make, "finetune": finetune_int8}
    if options.stage in stages:
        for name in names:
            stages[options.stage](name, options.work)
    elif options.stage == "time":
        take_turns(names, options.work)
    else:
        print(int8_table.table(names, options.work))


def train(name: str, work: Path) -> None:
    """A run of ``name``, made by the command line: a backbone trained at half the size, and a head
    fitted to it at its own."""
    size, weights = NETWORKS[name]
    folder = work / name
    folder.mkdir(parents=True, exist_ok=True)
    if not STEPS[name]:
        run_recipe(folder / "run", f'extends = "{name}"\n[model]\nsize = {size}\n', "--epochs", "0")
        return
    if weights:
        begin = ["--weights", str(weights)]
        changes = "[optimizer]\nbackbone_lr = 0.3\n"
    else:
        begin = ["--teacher", str(work / TEACHER / "run")]
        changes = "[distill]\nregression = 10.0\nrelation = 0.0\n[optimizer]\n"
    recipe = (
        f'extends = "{name}"\n[model]\nsize = {size // 2}\nhead = "whitened"\n'
        "[loss]\nscores = [1.0, 0.2, 0.05]\ntau = 0.05\n[evaluation]\nholdout = 0.0\n"
        f"{changes}epochs = 1\nepoch_steps = {STEPS[name]}\n"
    )
    run_recipe(folder / "backbone", recipe, *begin)
    recipe = (
        f'extends = "{name}"\n[model]\nsize = {size}\nhead = "discriminative"\n'
        "[evaluation]\nholdout = 0.0\n[optimizer]\nepochs = 0\n"
    )
    run_recipe(folder / "run", recipe, "--weights", str(folder / "backbone"))


def run_recipe(out: Path, recipe: str, *options: str) -> None:
    """Train by ``recipe`` into the folder ``out``; the recipe is kept beside it."""
    file = out.with_suffix(".toml")
    file.write_text(recipe, "utf-8")
    command = [sys.executable, "-m", "edgepatent", "train", "--data", TRAINING]
    command += ["--recipe", str(file), "--out", str(out), *options]
    subprocess.run(command, check=True)


@dataclass(frozen=True)
class Material:
    """Drawings [N, 1, S, S] to calibrate on, and the exams, of other patents."""

    calibration: Drawings
    exams: dict[str, tuple[Drawings, Sequence[Record]]]


def material(size: int) -> Material:
    real = read_records(REAL, Skipped())
    aside = set(sorted({record.patent_id for record in real})[::EVERY])
    ranges = read_records([CALIBRATION], Skipped())
    ranges += capped([r for r in real if r.patent_id in aside], ASIDE_VIEWS)
    exams = {
        "synthetic": read_records([SYNTHETIC_EXAM], Skipped()),
        "real sheets": capped([r for r in real if r.patent_id not in aside], VIEWS),
    }
    return Material(
        pixels(ranges, size)[0], {key: pixels(found, size) for key, found in exams.items()}
    )


def capped(records: Sequence[Record], views: int) -> list[Record]:
    """The first ``views`` drawings of each patent."""
    counts: Counter[str] = Counter()
    kept = []
    for record in records:
        counts[record.patent_id] += 1
        if counts[record.patent_id] <= views:
            kept.append(record)
    return kept


def pixels(records: Sequence[Record], size: int) -> tuple[Drawings, Sequence[Record]]:
    chosen = drawing_set(records, size, Skipped())
    return pixels_of(chosen), chosen.records


def make(name: str, work: Path) -> None:
    """Every ONNX file of one network, and its scores."""
    size, _ = NETWORKS[name]
    folder = work / name
    run = Run.open(folder / "run")
    model = run.model()
    files = {
        "timm": plain_export(model.backbone, torch.zeros(2, 1, size, size)),
        "plain": plain_export(model, torch.zeros(2, 1, size, size, dtype=torch.uint8)),
    }
    if name in REPLACED:
        files["fp32"] = to_onnx(model, size).SerializeToString()
        write(folder, files)
        return
    given = material(size)
    both = np.concatenate([drawings for drawings, _ in given.exams.values()])
    records = [record for _, found in given.exams.values() for record in found]
    plain = to_onnx(model, size).SerializeToString()
    axes = principal_axes(certify.embed(plain, given.calibration))
    proto = to_onnx(model, size, axes)
    files["fp32"] = proto.SerializeToString()
    reference = certify.embed(files["fp32"], both)
    exam = certify.Exam(both, records, [SYNTHETIC_EXAM, *REAL])

    def judge(candidate: bytes) -> certify.Certificate:
        return certify.certify(
            files["fp32"], candidate, exam, max_drop=0.005, fp32_embeddings=reference
        )

    found = find_int8(proto, given.calibration, judge, notify=partial(tell, name))
    files["int8"] = found.model
    files["optimum"] = plain_optimum(proto, given.calibration)
    write(folder, files)
    openvino_int8(folder / "fp32.onnx", given.calibration, folder / "openvino.xml")
    np.savez(folder / "rotation.npz", rotation=axes)
    notes = {
        "steps": STEPS[name],
        "calibrated": len(given.calibration),
        "examined": {key: len(drawings) for key, (drawings, _) in given.exams.items()},
        "accepted": found.certificate.accepted,
        "overlap": found.certificate.neighbour_overlap_10,
        "plans": {"int8": described(found.plan, found.repairs)},
    }
    (folder / "notes.json").write_text(json.dumps(notes, indent=1), "utf-8")
    examine(folder, given, ("fp32", "int8", "optimum", "openvino"))


def finetune_int8(name: str, work: Path) -> None:
    """INT8 of the network after ``--finetune``, whether it needs it or not, and its scores."""
    size, _ = NETWORKS[name]
    folder = work / name
    given = material(size)
    model = Run.open(folder / "run").model()
    trained = finetune(model, given.calibration)
    with np.load(folder / "rotation.npz") as kept:
        axes = kept["rotation"]
    search = Search(to_onnx(model, size, axes), given.calibration, notify=partial(tell, name))
    plan = leave_what_does_not_pay(
        search.proto,
        search.statistics.ranges(TRIED[0]),
        everything(search.proto),
        given.calibration[:1],
        partial(tell, name),
    )
    found = search.retrained(to_onnx(trained, size, axes), plan)
    write(folder, {"finetuned": found.model})
    notes = json.loads((folder / "notes.json").read_text("utf-8"))
    notes["plans"]["finetuned"] = described(found.plan, ["fine-tuned for INT8"])
    (folder / "notes.json").write_text(json.dumps(notes, indent=1), "utf-8")
    examine(folder, given, ("finetuned",))


def tell(name: str, line: str) -> None:
    print(name, line, file=sys.stderr, flush=True)


def write(folder: Path, files: dict[str, bytes]) -> None:
    for variant, content in files.items():
        (folder / f"{variant}.onnx").write_bytes(content)


def described(plan: Plan, repairs: Sequence[str]) -> dict[str, Any]:
    return {"kept_float": plan.kept_float, "method": plan.method, "repairs": list(repairs)}


def examine(folder: Path, given: Material, variants: Sequence[str]) -> None:
    """Embed the exams by ``variants``, and note the scores of all that were embedded so far."""
    file = folder / "embeddings.npz"
    rows: dict[str, Embeddings] = {}
    if file.exists() and "fp32" not in variants:
        with np.load(file) as kept:
            rows = dict(kept)
    for variant in variants:
        encode = runner(folder, variant)
        for key, (drawings, _) in given.exams.items():
            parts = [encode(drawings[i : i + 1]) for i in range(len(drawings))]
            found = np.concatenate(parts)
            # OpenVINO's file rounds the normalisation as well: lengths of 1.0 to 2.7.
            rows[f"{variant}/{key}"] = found / np.linalg.norm(found, axis=1, keepdims=True)
    np.savez(file, **rows)  # type: ignore[arg-type]
    notes = json.loads((folder / "notes.json").read_text("utf-8"))
    notes["scores"] = {
        key: {
            variant: scores(rows[f"{variant}/{key}"], rows[f"fp32/{key}"], records)
            for variant in ("fp32", *INT8)
            if f"{variant}/{key}" in rows
        }
        for key, (_, records) in given.exams.items()
    }
    (folder / "notes.json").write_text(json.dumps(notes, indent=1), "utf-8")


def scores(rows: Embeddings, reference: Embeddings, records: Sequence[Record]) -> dict[str, Any]:
    """mAP by level, the interval of its drop from FP32, mean and least cosine to FP32."""
    own, whole = (queries(part, records) for part in (rows, reference))
    found = metrics.summarise(own, resamples=1).levels
    cosine = (rows * reference).sum(1)
    return {
        "mAP": {level: found[level].map for level in metrics.LEVELS},
        "drop_interval": {
            level: metrics.paired_interval(own, whole, level=level) for level in metrics.LEVELS
        },
        "cosine": [float(cosine.mean()), float(cosine.min())],
    }


def queries(rows: Embeddings, records: Sequence[Record]) -> metrics.QueryScores:
    """Every drawing of an exam as a query, vectors as a collection stores them."""
    return metrics.score_queries(
        certify.as_stored(rows),
        [r.patent_id for r in records],
        [r.subclass for r in records],
        [r.klass for r in records],
    )


def plain_export(network: Any, sample: torch.Tensor) -> bytes:
    """What torch's exporter gives for ``network`` by itself."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "plain.onnx"
        program = torch.onnx.export(
            network,
            (sample,),
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamo=True,
            opset_version=20,
            dynamic_shapes=({0: torch.export.Dim("N")},),
            verbose=False,
        )
        assert program is not None
        program.save(str(path))
        return path.read_bytes()


def plain_optimum(proto: onnx.ModelProto, calibration: Drawings) -> bytes:
    """optimum's preset for VNNI as its documentation shows it: MinMax, every operator."""
    from onnxruntime.quantization import CalibrationMethod
    from optimum.onnxruntime import AutoQuantizationConfig, ORTQuantizer
    from optimum.onnxruntime.configuration import CalibrationConfig

    config = AutoQuantizationConfig.avx512_vnni(is_static=True, per_channel=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        onnx.save(typed(proto), path)
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


def there(folder: Path, variant: str) -> bool:
    """Whether a variant of a network was made."""
    file = {"torch": "run", "openvino": "openvino.xml"}.get(variant, f"{variant}.onnx")
    return (folder / file).exists()


def take_turns(names: Sequence[str], work: Path) -> None:
    """Time all variants of all networks, one drawing at a time, in turns; profile FP32 and INT8."""
    calls = {}
    sheet = read_records([CALIBRATION], Skipped())[:1]
    for name in names:
        drawing, _ = pixels(sheet, NETWORKS[name][0])
        for variant in [v for v in COLUMNS if there(work / name, v)]:
            encode = runner(work / name, variant)
            for _ in range(5):
                encode(drawing)
            calls[name, variant] = (encode, drawing)
    times: dict[tuple[str, str], list[float]] = {key: [] for key in calls}
    for _ in range(ROUNDS):
        for key, (encode, drawing) in calls.items():
            start = time.perf_counter()
            encode(drawing)
            times[key].append(1000 * (time.perf_counter() - start))
    found: dict[str, Any] = {"machine": machine(), "times": {}, "profiles": {}}
    for (name, variant), values in times.items():
        summary = (statistics.median(values), float(np.percentile(values, 95)))
        found["times"].setdefault(name, {})[variant] = summary
    for name, variant in calls:
        if variant in ("fp32", "int8"):
            drawing = calls[name, variant][1]
            shares = profile(work / name / f"{variant}.onnx", drawing)
            found["profiles"].setdefault(name, {})[variant] = shares
    (work / "times.json").write_text(json.dumps(found, indent=1), "utf-8")


def profile(model: Path, drawing: Drawings) -> dict[str, float]:
    """Milliseconds a drawing by type of operator: the sum of every node's median."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    options.enable_profiling = True
    with tempfile.TemporaryDirectory() as folder:
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        for _ in range(PROFILED):
            session.run([OUTPUT], {INPUT: drawing})
        events = json.loads(Path(session.end_profiling()).read_text("utf-8"))
    nodes: dict[tuple[str, str], list[float]] = {}
    for event in events:
        if event["cat"] == "Node" and event["name"].endswith("_kernel_time"):
            key = (event["args"]["op_name"], event["name"])
            nodes.setdefault(key, []).append(event["dur"] / 1000)
    totals: Counter[str] = Counter()
    for (kind, _), values in nodes.items():
        totals[kind] += statistics.median(values)  # type: ignore[assignment]
    return dict(totals.most_common())


def machine() -> str:
    """The processor and the versions that timings depend on."""
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    name = next(
        (line.split(":")[1].strip() for line in lines if line.startswith("model name")), "?"
    )
    vnni = "with" if any("avx512_vnni" in line for line in lines) else "without"
    tools = ", ".join(f"{tool} {version(tool)}" for tool in ("onnxruntime", "torch", "openvino"))
    return (
        f"{name}, {os.cpu_count()} cores, {vnni} VNNI; Python {platform.python_version()}, {tools}"
    )


if __name__ == "__main__":
    main()
