"""Pictures made to cost memory, time or truth: refused, or read within limits."""

import io
import os
import subprocess
import sys
from pathlib import Path

import hostile
import numpy as np
import pytest
from PIL import Image

from edgepatent_runtime import drawing
from edgepatent_runtime.drawing import files, flat, light, webp
from edgepatent_runtime.errors import DrawingError

MODES = ("1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "I;16", "I", "F")


@pytest.mark.parametrize("shape", [(1, 2_000_000), (2_000_000, 1), (3, 900_000)])
@pytest.mark.parametrize("size", [64, 224])
def test_a_thin_page_costs_no_more_than_its_pixels(shape: tuple[int, int], size: int) -> None:
    """Padded to a square first, as it was, it would take up to 4 TB."""
    page = np.full(shape, 255, np.uint8)
    page[:, :: max(shape) // 5] = 0
    page[0, 0] = page[-1, -1] = 0
    drawn = drawing.normalise(np.zeros(shape, np.uint8), size)
    assert drawn.shape == (size, size)
    # All of it is ink: as much as a strip of that shape holds of the square.
    share = min(shape) / (max(shape) * 16 / 15) * 15 / 16
    assert abs((255 - drawn.astype(float)).mean() / 255 - share) < 1 / 255


@pytest.mark.parametrize("height", [40, 500, 2000])
def test_an_ordinary_page_is_averaged_as_before(height: int) -> None:
    """The mean over whole cells, the last ones filled up with white: the contract of the models."""
    from edgepatent_runtime.drawing.normal import _reduced

    part = np.random.default_rng(0).integers(0, 256, (height, 333), np.uint8)
    for cell in (1, 2, 7, 33):
        padded = np.pad(part, ((0, -height % cell), (0, -333 % cell)), constant_values=255)
        want = np.asarray(Image.fromarray(padded).reduce(cell))
        np.testing.assert_array_equal(_reduced(part, cell, cell), want)


def picture(mode: str) -> Image.Image:
    rng = np.random.default_rng(1)
    gray = Image.fromarray(rng.integers(0, 256, (301, 203), np.uint8))
    if mode == "I;16":
        return Image.fromarray(np.asarray(gray).astype(np.uint16) * 16)
    if mode in ("RGBA", "LA"):
        page = gray.convert(mode)
        page.putalpha(Image.fromarray(rng.integers(0, 256, (301, 203), np.uint8)))
        return page
    return gray.convert(mode)


@pytest.mark.parametrize("mode", MODES)
def test_strips_make_no_difference(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = hostile.saved(picture(mode), "TIFF")
    whole = drawing.decode(data)
    monkeypatch.setattr(flat, "strips", lambda image: light.strips(image, 203 * 10))
    monkeypatch.setattr(light, "_STRIP", 203 * 10)
    np.testing.assert_array_equal(drawing.decode(data), whole)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
@pytest.mark.parametrize("mode", MODES)
def test_fifty_megapixels_take_320_mb(tmp_path: Path, mode: str) -> None:
    side = (8000, 6250)
    page = np.full(side[::-1], 225, np.uint8)
    page[1000:5000, 3000:3040] = 20
    page = (page * np.linspace(0.8, 1, side[1])[:, None]).astype(np.uint8)
    image = Image.fromarray(page)
    image = Image.fromarray(page.astype(np.uint16) * 257) if mode == "I;16" else image.convert(mode)
    path = tmp_path / "large.tif"
    image.save(path, compression=None if mode in ("I", "F") else "tiff_lzw")
    script = (
        "import sys; from edgepatent_runtime import drawing\n"
        "drawing.read_drawing(sys.argv[1], 224)\n"
        # Not ru_maxrss, which begins with that of the process that forked.
        "print(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, path], check=True, capture_output=True, text=True
    )
    assert int(done.stdout) < 320 * 1024


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_a_fax_takes_the_memory_of_two_pages(tmp_path: Path) -> None:
    page = Image.new("1", (4000, 5000), 1)
    page.paste(0, (1000, 1000, 1040, 4000))
    page.save(tmp_path / "large.tif", compression="group4")
    page.resize((40, 50)).save(tmp_path / "small.tif", compression="group4")
    script = (
        "import sys; from edgepatent_runtime import drawing\n"
        "for path in sys.argv[1:]:\n"
        "    drawing.decode(path)\n"
        "    print(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])"
    )
    paths = [tmp_path / "small.tif", tmp_path / "large.tif"]
    done = subprocess.run(
        [sys.executable, "-c", script, *paths], check=True, capture_output=True, text=True
    )
    before, after = (1024 * int(line) for line in done.stdout.split())
    assert after - before < 2.5 * 4000 * 5000


def test_a_tiff_of_many_pages_takes_time_in_proportion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted in what is read of the file, not in seconds: each page costs the same."""
    path = tmp_path / "many.tif"
    path.write_bytes(hostile.tiff_of_pages(3000))
    assert drawing.pages(path) == 3000
    first = drawing.decode(path, 0)
    read = 0

    class Counted(io.FileIO):
        def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
            nonlocal read
            count = super().readinto(buffer)
            read += count
            return count

    opened = files._open
    monkeypatch.setattr(
        files, "_open", lambda source: opened(source).close() or io.BufferedReader(Counted(source))
    )
    costs = []
    for page in (1, 1500, 2999):
        read = 0
        np.testing.assert_array_equal(drawing.decode(path, page), first)
        costs.append(read)
    assert max(costs) < 3 * min(costs)
    with pytest.raises(DrawingError, match=r"no such page.*page 3001 of 3000"):
        drawing.decode(path, 3000)


@pytest.mark.parametrize("big", [False, True])
def test_pages_of_every_tiff_are_found(big: bool) -> None:
    pages = [hostile.figure((60 + 10 * n, 50)) for n in range(4)]
    file = io.BytesIO()
    pages[0].save(file, "TIFF", save_all=True, append_images=pages[1:], big_tiff=big)
    data = file.getvalue()
    assert drawing.pages(data) == 4
    for number, page in enumerate(pages):
        np.testing.assert_array_equal(drawing.decode(data, number), np.asarray(page))
    with pytest.raises(DrawingError, match="no such page"):
        drawing.decode(data, -1)


def test_pages_are_found_in_either_byte_order() -> None:
    for order in "<>":
        data = hostile.tiff_of_pages(3, order)
        assert drawing.pages(data) == 3
        np.testing.assert_array_equal(
            drawing.decode(data, 2), hostile.figure((64, 48)).convert("1").convert("L")
        )


def test_a_tiff_that_goes_round_has_its_pages_once() -> None:
    assert drawing.pages(hostile.tiff_going_round()) == 3


def test_too_many_pages_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgepatent_runtime.drawing.tiff.MAX_PAGES", 5)
    with pytest.raises(DrawingError, match="more pages than the limit"):
        drawing.pages(hostile.tiff_of_pages(6))
    assert drawing.pages(hostile.tiff_of_pages(5)) == 5


def test_bad_codes_of_a_fax_are_damage(capfd: pytest.CaptureFixture[str]) -> None:
    whole = hostile.group3()
    np.testing.assert_array_equal(
        drawing.decode(whole), np.asarray(hostile.figure((400, 300)).convert("1").convert("L"))
    )
    for share in (0.002, 0.05, 0.5):
        with pytest.raises(DrawingError, match="codes of the fax that cannot be read"):
            drawing.decode(hostile.group3(bad=share))
    # libtiff's own lines do not get between ours, and standard error works afterwards.
    os.write(2, b"ours")
    assert capfd.readouterr().err == "ours"


def test_standard_error_may_be_closed() -> None:
    script = (
        "import os, sys, hostile; from edgepatent_runtime import drawing\n"
        "os.close(2); drawing.decode(hostile.group3()); print(drawing.pages(hostile.group3()))\n"
        "try: os.fstat(2); print('open')\nexcept OSError: print('closed')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
    )
    assert done.stdout.split() == ["1", "closed"]


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.png")
    for path in (tmp_path / "fifo.png", Path("/dev/zero")):
        with pytest.raises(DrawingError, match="not a regular file"):
            drawing.decode(path)
        with pytest.raises(DrawingError, match="not a regular file"):
            drawing.pages(path)


def test_a_file_over_the_size_limit_is_not_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_BYTES", 1000)
    data = hostile.saved(hostile.figure((800, 800)), "PNG", compress_level=0)
    with pytest.raises(DrawingError, match="file over the size limit"):
        drawing.decode(data)


@pytest.mark.parametrize("name", [n for n in hostile.BUILDERS if not n.endswith(".pdf")])
def test_the_corpus_of_pictures(name: str) -> None:
    """Refused or read; which of the two is for the tests above to say."""
    try:
        drawn = drawing.read_drawing(hostile.BUILDERS[name](), 64)
    except DrawingError:
        return
    assert drawn.shape == (64, 64)


def webp_file(mode: str, **options: object) -> bytes:
    rng = np.random.default_rng(2)
    soft = Image.fromarray(rng.integers(0, 256, (30, 20, len(mode)), np.uint8))
    return hostile.saved(soft.resize((203, 301), Image.Resampling.BICUBIC), "WEBP", **options)


TURNED = Image.Exif()
TURNED[0x0112] = 6
WEBP = {
    "lossy": webp_file("RGB"),
    "lossless": webp_file("RGB", lossless=True),
    "alpha": webp_file("RGBA"),
    "lossless alpha": webp_file("RGBA", lossless=True),
    "turned": webp_file(
        "RGB", exif=b"Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0"
    ),
    "animation": webp_file("RGB", save_all=True, append_images=[hostile.figure((203, 301))]),
}


@pytest.mark.parametrize("name", WEBP)
def test_a_large_webp_is_read_as_a_small_one(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    small = np.asarray(files.read_gray(io.BytesIO(WEBP[name])))
    monkeypatch.setattr(webp, "_LARGE", 0)
    large = np.asarray(files.read_gray(io.BytesIO(WEBP[name])))
    assert large.shape == small.shape == ((203, 301) if name == "turned" else (301, 203))
    # OpenCV rounds brightness at another place.
    assert np.abs(large.astype(int) - small).max() <= ("alpha" not in name)


@pytest.mark.parametrize("name", WEBP)
def test_a_large_webp_that_ends_early_is_damaged(
    name: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(webp, "_LARGE", 0)
    data = WEBP[name]
    for length in (len(data) // 3, len(data) - 3 if name != "turned" else len(data) // 2):
        with pytest.raises(DrawingError, match="damaged or truncated image"):
            drawing.decode(data[:length])
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", WEBP)
def test_a_webp_that_would_take_too_much_memory_is_refused(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webp, "_LARGE", 0)
    monkeypatch.setattr(webp, "_MOST", 203 * 301 - 1)
    plain = name in ("lossy", "turned")
    if plain:
        drawing.decode(WEBP[name])
        monkeypatch.setattr(webp, "_MOST_PLAIN", 203 * 301 - 1)
    with pytest.raises(DrawingError, match="203 × 301 pixels: save it as PNG or TIFF"):
        drawing.decode(WEBP[name])
