"""Files that nobody should have to read: built here, small, one function a kind of harm."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image, ImageDraw


def figure(size: tuple[int, int] = (200, 160)) -> Image.Image:
    """A honest drawing."""
    image = Image.new("L", size, 255)
    pen = ImageDraw.Draw(image)
    corners = (size[0] // 10, size[1] // 5, size[0] * 3 // 4, size[1] * 3 // 4)
    pen.rectangle(corners, outline=0, width=3)
    pen.line(corners, fill=0, width=2)
    return image


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


# --- pictures ---


def thin(width: int, height: int) -> bytes:
    """A PNG of a few kilobytes, far longer than wide, with ink all along it."""
    page = np.full((height, width), 255, np.uint8)
    page.ravel()[:: max(width, height) // 16] = 0
    return saved(Image.fromarray(page), "PNG")


def png_claiming(width: int, height: int) -> bytes:
    """A PNG whose header speaks of far more pixels than there are bytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        data = kind + body
        return struct.pack(">I", len(body)) + data + struct.pack(">I", zlib.crc32(data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes(4096)))
        + chunk(b"IEND", b"")
    )


def tiff_of_pages(count: int, order: str = "<") -> bytes:
    """A TIFF of so many pages that share one strip: 100 bytes a page."""
    image = figure((64, 48)).convert("1")
    bits = np.packbits(np.asarray(image)).tobytes()
    start = 8 + len(bits)
    entries = [(256, 64), (257, 48), (258, 1), (259, 1), (262, 1), (273, 8), (278, 48), (279, 0)]
    length = 2 + 12 * len(entries) + 4
    parts = [struct.pack(order + "2sHI", b"II" if order == "<" else b"MM", 42, start), bits]
    for page in range(count):
        parts.append(struct.pack(order + "H", len(entries)))
        for tag, value in entries:
            parts.append(struct.pack(order + "HHII", tag, 4, 1, len(bits) if tag == 279 else value))
        after = start + length * (page + 1) if page + 1 < count else 0
        parts.append(struct.pack(order + "I", after))
    return b"".join(parts)


def tiff_going_round() -> bytes:
    """A TIFF whose last page says that its first one comes next."""
    data = bytearray(tiff_of_pages(3))
    data[-4:] = data[4:8]
    return bytes(data)


def group3(*, bad: float = 0.0) -> bytes:
    """A fax page of group 3; a share of its coded bytes is noise."""
    data = bytearray(saved(figure((400, 300)).convert("1"), "TIFF", compression="group3"))
    with Image.open(io.BytesIO(data)) as image:
        start, length = image.tag_v2[273][0], image.tag_v2[279][0]
    rng = np.random.default_rng(0)
    for at in rng.choice(length, int(bad * length), replace=False):
        data[start + at] = rng.integers(256)
    return bytes(data)


# --- PDF ---


def pdf(*objects: str, pages: int = 1) -> bytes:
    """A PDF of numbered objects, the first of them the catalog; no table of references."""
    parts = ["%PDF-1.7\n"]
    parts += [f"{number} 0 obj\n{text}\nendobj\n" for number, text in enumerate(objects, 1)]
    parts.append("trailer\n<< /Root 1 0 R >>\n%%EOF\n")
    return "".join(parts).encode()


def _stream(content: str, entries: str = "") -> str:
    return f"<< /Length {len(content)} {entries}>>\nstream\n{content}\nendstream"


def pdf_of_page(box: str, content: str, *others: str, resources: str = "<< >>") -> bytes:
    """One page with a media box, a content stream, and objects from number 5 on."""
    return pdf(
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [{box}] /Contents 4 0 R /Resources {resources} >>",
        _stream(content),
        *others,
    )


def pdf_of_height(points: str) -> bytes:
    return pdf_of_page(f"0 0 612 {points}", "10 w 0 0 m 600 0 l S")


def pdf_of_forms(depth: int, fan: int) -> bytes:
    """Each form draws the next one ``fan`` times: fan ** depth drawings in a kilobyte."""
    forms = []
    for level in range(depth):
        last = level == depth - 1
        content = "0 0 m 500 700 l S" if last else f"/F{level + 1} Do " * fan
        inner = "" if last else f"/F{level + 1} {6 + level} 0 R"
        forms.append(
            _stream(
                content,
                "/Type /XObject /Subtype /Form /BBox [0 0 612 792] "
                f"/Resources << /XObject << {inner} >> >> ",
            )
        )
    return pdf_of_page(
        "0 0 612 792", "/F0 Do " * fan, *forms, resources="<< /XObject << /F0 5 0 R >> >>"
    )


def pdf_of_huge_image(side: int) -> bytes:
    """An image that claims side × side pixels of RGB and has none of them."""
    image = _stream(
        "x",
        f"/Type /XObject /Subtype /Image /Width {side} /Height {side} /ColorSpace /DeviceRGB "
        "/BitsPerComponent 8 /Interpolate true ",
    )
    return pdf_of_page(
        "0 0 612 792", "600 0 0 700 0 0 cm /I Do", image,
        resources="<< /XObject << /I 5 0 R >> >>",
    )  # fmt: skip


def pdf_claiming_pages(count: int) -> bytes:
    return pdf(
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [3 0 R] /Count {count} >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] >>",
    )


# --- XML and archives ---


def xml_of_encoding(name: str) -> bytes:
    return f'<?xml version="1.0" encoding="{name}"?><us-patent-grant/>'.encode()


def xml_laughing() -> bytes:
    """Entities of entities: 10 ** 9 words."""
    lines = ['<!ENTITY a0 "lol">']
    lines += [f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10)]
    root = "us-patent-grant"
    return f"<!DOCTYPE {root} [{''.join(lines)}]><{root}>&a9;</{root}>".encode()


def xml_nested(depth: int) -> bytes:
    return b"<us-patent-grant>" + b"<p>" * depth + b"</p>" * depth + b"</us-patent-grant>"


def zip_bomb(name: str, size: int) -> bytes:
    """A member that unpacks to ``size`` zeros."""
    file = io.BytesIO()
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open(name, "w") as member,
    ):
        piece = bytes(1 << 20)
        for _ in range(size >> 20):
            member.write(piece)
    return file.getvalue()


def mutations(data: bytes, count: int, seed: int) -> Iterator[bytes]:
    """The file cut, flipped, doubled and with runs of noise in it."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        hurt = bytearray(data)
        match rng.integers(4):
            case 0:
                del hurt[int(rng.integers(1, len(hurt))) :]
            case 1:
                for at in rng.integers(0, len(hurt), 1 + len(hurt) // 400):
                    hurt[at] ^= 1 << int(rng.integers(8))
            case 2:
                at, length = rng.integers(0, len(hurt), 2)
                hurt[at:at] = hurt[at : at + length]
            case _:
                at = int(rng.integers(0, len(hurt)))
                hurt[at : at + 40] = rng.bytes(40)
        yield bytes(hurt)


# Terminals would obey, readers be misled: what titles, ids and file names may hold.
SPELLS = (
    "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\x9b2J", "a\rb", "a\nb", "\x08\x08\x08",
    "\u202egnp.exe", "\u2066x\u2069", "\ufeff", "\u200f", "\x7f", "\u2028", "\udc80", "\x00",
)  # fmt: skip

BUILDERS: dict[str, Callable[[], bytes]] = {
    "wide.png": lambda: thin(8_000_000, 1),
    "tall.png": lambda: thin(1, 8_000_000),
    "claims.png": lambda: png_claiming(60_000, 60_000),
    "claims-less.png": lambda: png_claiming(8000, 9000),
    "round.tif": tiff_going_round,
    "bad-codes.tif": lambda: group3(bad=0.5),
    "flat.pdf": lambda: pdf_of_height(".001"),
    "forms.pdf": lambda: pdf_of_forms(12, 40),
    "image.pdf": lambda: pdf_of_huge_image(60_000),
    "pages.pdf": lambda: pdf_claiming_pages(2_000_000_000),
}
