"""A model card that a person can read, written from what export knows for certain."""

import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from edgepatent_export.certify import Certificate, Side
from edgepatent_export.drawings import HELD_OUT
from edgepatent_runtime.bundle import BundleInfo
from edgepatent_train.run import before

# Licences of the weights that timm publishes for the backbones in our recipes.
WEIGHTS_LICENCE = "Apache-2.0 as timm publishes them (see the backbone's own card)"
NOT_RECORDED = "not recorded: trained by an earlier version"


def model_card(info: BundleInfo, certificate: Certificate | None, notes: str = "") -> str:
    """Markdown: what the model is, how it was made, what it can and cannot do, and the figures.
    Each fact stands in one place: which drawings were used, what for and under what terms in a
    table of their own.

    ``notes`` is a paragraph of the person who exports, for what no program can know.
    """
    parts = [_head(info), notes.strip(), _training(info), _data(info, certificate)]
    parts += [_figures(info, certificate) if certificate else _without_certificate(info)]
    parts += [_limits(info), _licences(info), _how_to_cite()]
    return "\n\n".join(part for part in parts if part) + "\n"


def _wrapped(text: str) -> str:
    """A paragraph, whatever its figures and names did to the length of its lines."""
    return textwrap.fill(
        " ".join(text.split()), 100, break_long_words=False, break_on_hyphens=False
    )


def _head(info: BundleInfo) -> str:
    purpose = f"""Embeds patent drawings so that drawings of one design lie close together. A
        normalised drawing (grey, {info.size} × {info.size} pixels, white paper) becomes
        {info.dimensions} numbers of unit length; the inner product of two is their similarity.
        {_sides(info)}"""
    return f"""# {info.name}

{_wrapped(purpose)}

| | |
|---|---|
| backbone | {info.backbone} |
| precision | {info.precision}, target {info.target} |
| input | `drawings` uint8 [N, 1, {info.size}, {info.size}], paper 255, ink 0 |
| output | `embedding` float32 [N, {info.dimensions}], unit length, leading dimensions carry most |
| space | `{info.space}` |
| made | {info.created} |"""


def _sides(info: BundleInfo) -> str:
    """Nothing where the network looks at a drawing at the size of its input alone."""
    smaller = [str(side) for side in info.training.get("sides", [])[1:]]
    if not smaller:
        return ""
    return f"In the same pass the network looks at it at {' and '.join(smaller)} pixels as well."


def _training(info: BundleInfo) -> str:
    training, earlier = info.training, before(info.training)
    text = _told(training)
    if training.get("steps") == 0:
        text += " Only the last linear layer was fitted on them."
    if earlier:
        comes = "comes from an earlier run"
        if len(earlier) > 1:
            comes = f"is the mean of those of {len(earlier)} earlier runs"
        text += f" The backbone {comes}: {' '.join(dict.fromkeys(map(_told, earlier)))}"
    elif training.get("steps") == 0:
        text += " The backbone keeps its initial weights."
    return f"## Training\n\n{_wrapped(text)}"


def _told(training: dict[str, Any]) -> str:
    """One run in words."""
    text = f"""{training.get("drawings", "?")} drawings of {training.get("patents", "?")} designs"""
    if training.get("steps") == 0:
        return f"{text}."
    loss = training.get("loss", "?")
    if loss == "hierarchical":
        loss += f" (scores {training.get('scores', '?')} for patent, subclass, class)"
    return f"{text}; {training.get('steps', '?')} steps with the loss {loss}."


def _data(info: BundleInfo, certificate: Certificate | None) -> str:
    """Every source once: what it was used for, and its terms where it went into the model."""
    used: dict[str, list[str]] = {}
    terms: dict[str, str] = {}
    runs, what = [info.training], "training"
    while runs:
        for source, times in Counter(s for run in runs for s in run.get("sources", [])).items():
            used.setdefault(source, []).append(what + (f" ({times} times)" if times > 1 else ""))
        for run in runs:
            terms |= _terms(run)
        runs, what = [each for run in runs for each in before(run)], "training of the backbone"
    if certificate:
        for source in certificate.calibration.get("sources", []):
            used.setdefault(source, []).append("calibration")
        terms = _terms(certificate.calibration) | terms
        for source in certificate.evaluation["sources"]:
            plain = source.removesuffix(HELD_OUT)
            used.setdefault(plain, []).append("exam" + source.removeprefix(plain))
    rows = []
    for source, uses in used.items():
        # What it was only judged by is not in the model.
        went_in = not all(use.startswith("exam") for use in uses)
        said = terms.get(source, NOT_RECORDED) if went_in else ""
        rows.append(f"| `{source}` | {', '.join(dict.fromkeys(uses))} | {said} |")
    return "\n".join(["## Drawings\n", "| source | used for | terms |", "|---|---|---|", *rows])


def _terms(told: Mapping[str, Any]) -> dict[str, str]:
    """By source: its licences, with the number of files under each where there are several."""
    return {
        source: "; ".join(
            f"{name} ({n:,})" if len(found) > 1 else name for name, n in found.items()
        )
        for source, found in told.get("licences", {}).items()
    }


def _figures(info: BundleInfo, certificate: Certificate) -> str:
    rows = []
    for level, fp32 in certificate.fp32.levels.items():
        int8 = certificate.int8.levels[level]
        low, high = certificate.drop_interval[level]
        rows.append(
            f"| {level} | {fp32.queries} | {fp32.map:.4f} | {int8.map:.4f} "
            f"| {100 * certificate.drop[level]:+.2f} ({100 * low:+.2f} to {100 * high:+.2f}) "
            f"| {fp32.recall_1:.4f} | {int8.recall_1:.4f} |"
        )
    verdict = "accepted" if certificate.accepted else "refused: " + "; ".join(certificate.refused)
    kept = "\n".join(f"- `{name}`: {why}" for name, why in certificate.kept_float.items())
    calibration = certificate.calibration
    overlap = 100 * certificate.neighbour_overlap_10
    undecided = "".join(f" Undecided: {line}." for line in certificate.undecided)
    exam = f"""Scored on {certificate.evaluation["drawings"]} drawings of
        {certificate.evaluation["patents"]} designs that the ranges were not calibrated on, every
        drawing a query against all others, vectors stored as int8 rows as search does. The drop is
        in points of mAP, with its paired 95 % bootstrap interval over designs; refused is a drop of
        more than {100 * certificate.max_drop:.2f} whose interval lies above 0.{undecided}"""
    repairs = ", ".join(certificate.repairs)
    gain = f"""Cosine between both embeddings of a drawing: mean {certificate.cosine_mean:.4f},
        least {certificate.cosine_min:.4f}; {overlap:.1f} % of the ten nearest neighbours are
        the same. Calibrated on {calibration.get("drawings", "?")} drawings (SHA-256
        {str(calibration.get("digest", ""))[:16]}…) with {calibration.get("method", "?")} ranges;
        {f"repairs: {repairs}" if repairs else "no repair was needed"}."""
    tools = ", ".join(f"{name} {number}" for name, number in info.versions.items())
    return f"""## Certificate: {verdict}

{_wrapped(exam)}

| level | queries | mAP FP32 | mAP INT8 | drop | R@1 FP32 | R@1 INT8 |
|---|---|---|---|---|---|---|
{chr(10).join(rows)}

| | FP32 | INT8 | |
|---|---|---|---|
{_side_rows(certificate.fp32, certificate.int8)}

{_wrapped(gain)}

Left in float:
{kept or "- nothing that could be quantised"}

{_wrapped(f"Made with {tools}.")}"""


def _side_rows(fp32: Side, int8: Side) -> str:
    a, b = fp32.latency_ms, int8.latency_ms
    return (
        f"| one drawing, one thread, median | {a.median:.1f} ms | {b.median:.1f} ms "
        f"| {a.median / b.median:.2f} times as fast |\n"
        f"| the same, 95th percentile | {a.p95:.1f} ms | {b.p95:.1f} ms | |\n"
        f"| size | {fp32.bytes / 1e6:.2f} MB | {int8.bytes / 1e6:.2f} MB "
        f"| {fp32.bytes / int8.bytes:.1f} times smaller |"
    )


def _without_certificate(info: BundleInfo) -> str:
    return f"""## Certificate

There is none: only INT8 needs one, this is the {info.precision} model. Score it with
`edgepatent evaluate --model THIS`."""


def _limits(info: BundleInfo) -> str:
    sources = [s for run in _runs(info.training) for s in run.get("sources", [])]
    outside = "photographs and coloured renderings are outside of what it was trained on"
    if any("photographs=" in source for source in sources):
        outside = "of photographs it was trained on rendered ones alone"
    text = f"""Made for black line drawings on white paper; {outside}. It compares shapes as they
        are drawn: another view of the same design may lie further away than the same view of
        another. Scores hold for the drawings named above and say little about others. Nothing here
        is a legal opinion on novelty or infringement."""
    return f"## Limits\n\n{_wrapped(text)}"


def _runs(training: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What a run says of itself, and what those say that it came from."""
    yield training
    for earlier in before(training):
        yield from _runs(earlier)


def _licences(info: BundleInfo) -> str:
    training = info.training
    while runs := before(training):
        training = runs[0]  # what is averaged has begun alike
    began = training.get("weights", "")
    weights = f"They began as `{began or info.backbone}`: {WEIGHTS_LICENCE}."
    if began == "random":
        weights = "They began at random."
    text = f"""This bundle: Apache-2.0. Its weights are distributed, none of the drawings, whose
        terms stand beside them above. {weights}"""
    return f"## Licences\n\n{_wrapped(text)}"


def _how_to_cite() -> str:
    return """## How to cite

The training objective is our reading of hierarchical multi-positive contrastive learning for
patent image retrieval; cite the paper of that name beside edgepatent and its version."""
