"""Decoding, hammered and timed.

``python benchmarks/decoding.py fuzz`` mutates files of every format and decodes them in a process
with a memory limit; ``python benchmarks/decoding.py`` does that with 10,000 files, times decoding
and normalising per format, and writes ``decoding.md`` beside itself. ``memory`` prints the peak
of one large drawing of every format and mode, read and normalised in a process of its own.
"""

import argparse
import io
import json
import os
import random
import resource
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import warnings
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import numpy as np
from PIL import Image

from edgepatent_runtime import drawing
from edgepatent_runtime.drawing.files import read_gray
from edgepatent_runtime.errors import DrawingError

ROOT = Path(__file__).resolve().parent.parent
MEMORY = 1 << 30
SECONDS = 20
# So much of a picture, at its lower end, may be of one value where the original has ink all over.
GREY_SHARE = 0.1


def texture(width: int = 330, height: int = 260) -> Image.Image:
    """Line art with ink in every part, so that a decoder that gives up leaves a visible hole."""
    y, x = np.mgrid[:height, :width]
    waves = np.sin(x / 5 + np.cos(y / 9) * 4) + np.sin((x * y) / 900)
    return Image.fromarray(np.where(np.abs(waves) < 0.3, 0, 255).astype(np.uint8))


def samples() -> dict[str, bytes]:
    """One file of every kind that `drawing.decode` reads."""
    page = texture()
    soft = page.resize((165, 130), Image.Resampling.BOX)
    colour = Image.merge("RGB", (soft, soft.rotate(180), soft))
    clear = Image.merge("LA", (Image.new("L", soft.size, 0), soft.point(lambda v: 255 - v)))
    numbers = Image.fromarray(np.asarray(soft, np.uint16) * 257)
    floats = Image.fromarray(np.asarray(soft, np.float32) / 255)
    bits = page.convert("1")
    made: dict[str, tuple[Image.Image, str, dict[str, object]]] = {
        "png 1-bit": (bits, "PNG", {}),
        "png grey": (soft, "PNG", {}),
        "png rgb": (colour, "PNG", {}),
        "png palette": (colour.quantize(16), "PNG", {}),
        "png alpha": (clear, "PNG", {}),
        "png 16-bit": (numbers, "PNG", {}),
        "jpeg": (soft, "JPEG", {}),
        "jpeg colour": (colour, "JPEG", {}),
        "jpeg progressive": (soft, "JPEG", {"progressive": True}),
        "jpeg restarts": (soft, "JPEG", {"restart_marker_rows": 2}),
        "jpeg cmyk": (colour.convert("CMYK"), "JPEG", {}),
        "bmp 1-bit": (bits, "BMP", {}),
        "bmp colour": (colour, "BMP", {}),
        "gif": (colour.quantize(16), "GIF", {}),
        "webp": (colour, "WEBP", {}),
        "webp lossless": (colour, "WEBP", {"lossless": True}),
        "tiff group 4": (bits, "TIFF", {"compression": "group4"}),
        "tiff group 3": (bits, "TIFF", {"compression": "group3"}),
        "tiff raw": (soft, "TIFF", {}),
        "tiff lzw": (colour, "TIFF", {"compression": "tiff_lzw"}),
        "tiff deflate": (soft, "TIFF", {"compression": "tiff_adobe_deflate"}),
        "tiff packbits": (bits, "TIFF", {"compression": "packbits"}),
        "tiff jpeg": (colour, "TIFF", {"compression": "jpeg"}),
        "tiff 16-bit": (numbers, "TIFF", {}),
        "tiff float": (floats, "TIFF", {}),
        "tiff pages": (
            bits,
            "TIFF",
            {"compression": "group4", "save_all": True, "append_images": [bits]},
        ),
        "pdf": (bits, "PDF", {}),
    }
    files = {}
    for name, (image, kind, options) in made.items():
        file = io.BytesIO()
        image.save(file, kind, **options)
        files[name] = file.getvalue()
    return files


def mutate(data: bytes, rng: random.Random) -> bytes:
    """One to four hurts: cut short, flipped bits, overwritten, removed or repeated parts."""
    if rng.random() < 0.15:
        return data[: rng.randrange(len(data))]
    hurt = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        # Half of the hurts hit the header, where the numbers are.
        at = rng.randrange(min(len(hurt), 200) if rng.random() < 0.4 else len(hurt))
        length = rng.choice((1, 1, 2, 4, 16, 64))
        match rng.randrange(6):
            case 0 | 1:
                hurt[at] ^= 1 << rng.randrange(8)
            case 2:
                hurt[at : at + length] = rng.randbytes(length)
            case 3:
                hurt[at : at + length] = bytes([rng.choice((0, 0x7F, 0x80, 0xFF))]) * length
            case 4:
                del hurt[at : at + length]
            case 5:
                hurt[at:at] = hurt[at : at + length]
        if not hurt:
            break
    if hurt.startswith(b"\x89PNG") and rng.random() < 0.7:
        repair_checksums(hurt)
    return bytes(hurt)


def repair_checksums(png: bytearray) -> None:
    """Make the chunks' checksums right again, so that the decoder behind them is reached."""
    at = 8
    while at + 12 <= len(png):
        (length,) = struct.unpack_from(">I", png, at)
        end = at + 8 + length
        if end + 4 > len(png):
            return
        struct.pack_into(">I", png, end, zlib.crc32(png[at + 4 : end]))
        at = end + 4


def half_grey(page: np.ndarray) -> bool:
    """Whether the lower end of a picture is of one value, and the rest is not."""
    if min(page.shape) < 8:
        return False
    flat = (page == page[-1, -1]).all(axis=1)
    rows = len(flat) if flat.all() else int(np.argmin(flat[::-1]))
    return GREY_SHARE * len(flat) <= rows < len(flat)


def judge(data: bytes) -> str:
    """Decode one file: "picture", "refused: REASON", or what must not be."""
    try:
        drawing.decode(data)
        # Levelling would hide where the decoder gave up.
        with warnings.catch_warnings(action="ignore"):
            page = None if data.startswith(b"%PDF") else np.asarray(read_gray(io.BytesIO(data)))
    except DrawingError as error:
        return f"refused: {error.reason}"
    except TimeoutError:
        return "HANG"
    except Exception as error:  # noqa: BLE001 - finding these is what this is for
        return f"ESCAPED: {type(error).__name__}"
    return "HALF GREY" if page is not None and half_grey(page) else "picture"


def cases(files: int, seed: int, only: str | None) -> Iterator[tuple[int, str, bytes]]:
    """The mutated files, the same for the same seed; number 0 of each format is whole."""
    whole = {k: v for k, v in samples().items() if only is None or k == only}
    kinds = list(whole)
    for number in range(files):
        kind = kinds[number % len(kinds)]
        rng = random.Random(f"{seed}/{number}")
        yield number, kind, whole[kind] if number < len(kinds) else mutate(whole[kind], rng)


def _too_long(signal: int, frame: FrameType | None) -> None:
    raise TimeoutError


def work(files: int, seed: int, start: int, only: str | None, log: Path) -> None:
    """Judge cases in this process, which may die of it: every verdict is written at once."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.signal(signal.SIGALRM, _too_long)
    with log.open("a", buffering=1) as file:
        for number, kind, data in cases(files, seed, only):
            if number < start:
                continue
            file.write(json.dumps([number, kind, "CRASH"]) + "\n")
            signal.alarm(SECONDS)
            verdict = judge(data)
            signal.alarm(0)
            file.write(json.dumps([number, kind, verdict]) + "\n")


def fuzz(files: int, seed: int, only: str | None = None) -> dict[str, Counter[str]]:
    """Verdicts per format. A worker that dies is counted as a crash, and the next goes on."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "verdicts"
        start = 0
        while start < files:
            command = [
                sys.executable,
                __file__,
                "work",
                str(files),
                str(seed),
                str(start),
                str(log),
            ]
            subprocess.run([*command, *([only] if only else [])], check=False)
            lines = log.read_text().splitlines() if log.exists() else []
            if not lines:
                raise RuntimeError("the worker did not start")
            start = json.loads(lines[-1])[0] + 1
        last = {number: (kind, verdict) for number, kind, verdict in map(json.loads, lines)}
    verdicts: dict[str, Counter[str]] = {}
    for number in sorted(last):
        kind, verdict = last[number]
        verdicts.setdefault(kind, Counter())[verdict] += 1
        if verdict[:2].isupper():
            print(f"{number} {kind}: {verdict}", file=sys.stderr)
    return verdicts


def times(files: int = 15) -> dict[str, tuple[float, float, int]]:
    """Per format: median ms (processor time) to decode and to normalise a sheet, and its bytes."""
    page = Image.new("L", (2550, 3300), 255)
    page.paste(texture(1200, 1500), (675, 900))
    soft = page.resize((1275, 1650), Image.Resampling.BOX)
    colour = Image.merge("RGB", (soft, soft, soft))
    bits = page.convert("1")
    made: dict[str, tuple[Image.Image, str, dict[str, object]]] = {
        "TIFF group 4, 2550 × 3300": (bits, "TIFF", {"compression": "group4"}),
        "PNG 1 bit, 2550 × 3300": (bits, "PNG", {}),
        "BMP 1 bit, 2550 × 3300": (bits, "BMP", {}),
        "PDF with such a page": (bits, "PDF", {"resolution": 300}),
        "PNG grey, 1275 × 1650": (soft, "PNG", {}),
        "JPEG grey, 1275 × 1650": (soft, "JPEG", {}),
        "JPEG colour, 1275 × 1650": (colour, "JPEG", {}),
        "WebP, 1275 × 1650": (colour, "WEBP", {}),
        "GIF, 1275 × 1650": (soft, "GIF", {}),
    }
    sheets = {}
    for name, (image, kind, options) in made.items():
        file = io.BytesIO()
        image.save(file, kind, **options)
        sheets[name] = [file.getvalue()] * files
    shared = Path(os.environ.get("EDGEPATENT_SHARED", ROOT.parent / "shared"))
    real = sorted(shared.glob("data/uspto-grants/*/*-D0000[1-9].TIF"))[:: max(1, 300 // files)]
    if real:
        sheets["real grants, TIFF group 4"] = [path.read_bytes() for path in real]
    took = {}
    for name, datas in sheets.items():
        decoding, normalising = [], []
        for data in datas:
            start = time.process_time()
            gray = drawing.decode(data)
            middle = time.process_time()
            drawing.normalise(gray, 224)
            decoding.append(middle - start)
            normalising.append(time.process_time() - middle)
        took[name] = (
            1e3 * statistics.median(decoding),
            1e3 * statistics.median(normalising),
            len(datas[0]),
        )
    return took


def large(megapixels: int) -> Iterator[tuple[str, str, Image.Image, dict[str, object]]]:
    """Format, mode, picture and options: a sheet of so many pixels in everything that is read."""
    width, height = 8000, megapixels * 125
    page = np.full((height, width), 225, np.uint8)
    page[height // 6 : -height // 6, 3000:3040] = 20
    page = (page * np.linspace(0.8, 1, height)[:, None]).astype(np.uint8)
    gray = Image.fromarray(page)

    def of(mode: str) -> Image.Image:
        if mode == "I;16":
            return Image.fromarray(page.astype(np.uint16) * 257)
        image = gray.convert(mode)
        if mode in ("RGBA", "LA"):
            image.putalpha(Image.fromarray(255 - page // 2))
        return image

    fast = {"compress_level": 1}
    for mode in ("1", "L", "P", "LA", "RGB", "RGBA", "I;16"):
        yield "PNG", mode, of(mode), fast
    for mode in ("1", "L", "P", "LA", "RGB", "RGBA", "CMYK", "I;16", "LAB"):
        yield "TIFF", mode, of("RGB" if mode == "LAB" else mode), {"compression": "tiff_lzw"}
    yield "TIFF", "1, group 4", of("1"), {"compression": "group4"}
    for mode in ("I", "F"):
        yield "TIFF", mode, of(mode), {}
    for mode in ("L", "RGB", "CMYK"):
        yield "JPEG", mode, of(mode), {}
    yield "JPEG", "RGB, progressive", of("RGB"), {"progressive": True}
    for mode in ("1", "L", "P", "RGB"):
        yield "BMP", mode, of(mode), {}
    yield "GIF", "P", of("P"), {}
    for mode in ("RGB", "RGBA"):
        yield "WEBP", f"{mode}, lossy", of(mode), {"method": 0}
        yield "WEBP", f"{mode}, lossless", of(mode), {"method": 0, "lossless": True}
    try:
        import pillow_heif
    except ModuleNotFoundError:
        return
    pillow_heif.register_heif_opener()
    for mode in ("L", "RGB", "RGBA"):
        yield "HEIF", mode, of(mode), {}


def memory(megapixels: int, only: str | None) -> Iterator[tuple[str, str, str]]:
    """Format, mode, and the peak in MB: of the program, and of the worker where one reads."""
    code = (
        "import resource, sys; from edgepatent_runtime import drawing\n"
        "from edgepatent_runtime.errors import DrawingError\n"
        "try: drawing.read_drawing(sys.argv[1], 224)\n"
        "except DrawingError as error: sys.exit(f'refused: {error.reason}')\n"
        # Not ru_maxrss of this process, which begins with that of the one that forked it.
        "own = int(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])\n"
        "from edgepatent_runtime.workers import pool\n"
        "pool._end()\n"
        "print(own >> 10, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10)\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large"
        for kind, mode, image, options in large(megapixels):
            if only is not None and kind != only:
                continue
            image.save(path, kind, **options)
            done = subprocess.run(
                [sys.executable, "-c", code, path], capture_output=True, text=True, check=False
            )
            yield kind, mode, (done.stdout or done.stderr).strip()


def cold() -> float:
    """Median ms that importing the reader of a TIFF adds to an interpreter with numpy."""
    code = (
        "import numpy, time; start = time.process_time();"
        "from edgepatent_runtime import drawing; import PIL.TiffImagePlugin;"
        "print(time.process_time() - start)"
    )
    runs = [
        float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout)
        for _ in range(9)
    ]
    return 1e3 * statistics.median(runs)


def report(files: int, seed: int) -> str:
    """``decoding.md``."""
    lines = [
        "# Reading drawings",
        "",
        "Made by `python benchmarks/decoding.py`. Medians of processor time on one thread: other",
        "work on the machine lengthens them, but less than the time on the clock.",
        "",
        f"Importing `edgepatent_runtime.drawing` and the TIFF reader after numpy: {cold():.0f} ms.",
        "",
        "| sheet | decode, ms | normalise to 224, ms | KB |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {name} | {decoding:.1f} | {normalising:.1f} | {size / 1000:.0f} |"
        for name, (decoding, normalising, size) in times().items()
    ]
    verdicts = fuzz(files, seed)
    bad = ("CRASH", "HANG", "ESCAPED", "HALF GREY")
    lines += [
        "",
        f"## {files:,} mutated files (seed {seed})",
        "",
        f"Decoded in a process limited to {MEMORY >> 20} MB and {SECONDS} s a file. A file may be",
        "refused or give a complete picture; a picture counts as half grey when a tenth of its",
        "rows or more, at the lower end, are of one value and the rest is not (the originals have",
        "ink everywhere). Crashes, hangs and errors of any other kind are counted, too.",
        "",
        "| format | files | refused | picture | half grey | crash, hang, other error |",
        "|---|---|---|---|---|---|",
    ]
    total: Counter[str] = Counter()
    for kind, counts in [*verdicts.items(), ("all", total)]:
        if counts is not total:
            total.update(counts)
        refused = sum(n for verdict, n in counts.items() if verdict.startswith("refused"))
        wrong = sum(n for verdict, n in counts.items() if verdict.startswith(bad[:3]))
        lines.append(
            f"| {kind} | {counts.total()} | {refused} | {counts['picture']} "
            f"| {counts['HALF GREY']} | {wrong} |"
        )
    return "\n".join((*lines, ""))


def main() -> None:
    if sys.argv[1:2] == ["work"]:
        files, seed, start = map(int, sys.argv[2:5])
        work(files, seed, start, sys.argv[6] if len(sys.argv) > 6 else None, Path(sys.argv[5]))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="?", choices=("fuzz", "memory", "all"), default="all")
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", help="one format")
    parser.add_argument("--megapixels", type=int, default=50, help="for memory")
    options = parser.parse_args()
    if options.what == "memory":
        print(f"| format | mode | {options.megapixels} megapixels: MB, in a worker MB |")
        print("|---|---|---|")
        for row in memory(options.megapixels, options.only):
            print(f"| {' | '.join(row)} |", flush=True)
    elif options.what == "fuzz":
        print(json.dumps(fuzz(options.files, options.seed, options.only), indent=1))
    else:
        Path(__file__).with_suffix(".md").write_text(report(options.files, options.seed))


if __name__ == "__main__":
    main()
