"""Small design grants for tests, in every layout the USPTO uses."""

import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from PIL import Image, ImageDraw

V4 = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE us-patent-grant SYSTEM "us-patent-grant-{dtd}.dtd" [ ]>
<us-patent-grant lang="EN" dtd-version="{dtd}" file="{name}.XML" country="US">
<us-bibliographic-data-grant>
<publication-reference><document-id><country>US</country>
<doc-number>D{number:07}</doc-number><kind>S1</kind><date>{date}</date></document-id>
</publication-reference>
<application-reference appl-type="design"><document-id><country>US</country>
<doc-number>29680800</doc-number><date>20190220</date></document-id></application-reference>
{locarno}<classification-national><country>US</country>
<main-classification>D28 47</main-classification></classification-national>
<invention-title id="d2e71">{title}</invention-title>
</us-bibliographic-data-grant>
<drawings id="DRAWINGS">{images}</drawings>
<description id="description"><description-of-drawings>
{paragraphs}
</description-of-drawings></description>
</us-patent-grant>
"""
LOCARNO = (
    "<classification-locarno><edition>{edition}</edition>"
    "<main-classification>{code}</main-classification></classification-locarno>\n"
)


def grant_xml(
    number: int,
    *,
    date: str = "20210105",
    code: str | None = "0601",
    edition: str = "13",
    title: str = "Chair &amp; table",
    views: tuple[str, ...] = ("perspective view", "top plan view"),
    sheets: int = 2,
    dtd: str = "v45-2014-04-03",
) -> bytes:
    """The XML of a grant with ``sheets`` drawings and a figure for each of ``views``."""
    name = grant_name(number, date)
    images = "".join(
        f'<figure id="Fig-EMI-D{n:05}" num="{n:05}"><img id="EMI-D{n:05}" '
        f'file="{name}-D{n:05}.TIF" img-format="tif"/></figure>\n'
        for n in range(sheets + 1)
    )
    paragraphs = "\n".join(
        f'<p id="p-{n:04}"><figref idref="DRAWINGS">FIG. {n}</figref> is a {view} thereof;</p>'
        for n, view in enumerate(views, 1)
    )
    locarno = LOCARNO.format(edition=edition, code=code) if code is not None else ""
    return V4.format(
        dtd=dtd, name=name, number=number, date=date, locarno=locarno, title=title,
        images=images, paragraphs=paragraphs,
    ).encode()  # fmt: skip


def grant_name(number: int, date: str = "20210105") -> str:
    return f"USD{number:07}-{date}"


def tiff(seed: int, size: tuple[int, int] = (120, 160)) -> bytes:
    """A group-4 sheet with two lines whose place depends on ``seed``."""
    image = Image.new("1", size, 1)
    pen = ImageDraw.Draw(image)
    pen.line((10, 10 + seed % 50, size[0] - 10, size[1] - 10), fill=0, width=3)
    pen.rectangle((20 + seed % 30, 30, 70, 90), outline=0, width=2)
    out = io.BytesIO()
    image.save(out, "TIFF", compression="group4")
    return out.getvalue()


def grant_files(number: int, *, xml: bytes | None = None, sheets: int = 2) -> dict[str, bytes]:
    """Name → bytes of the files of one grant, the front page's copy among them."""
    name = grant_name(number)
    files = {f"{name}.XML": grant_xml(number, sheets=sheets) if xml is None else xml}
    files |= {f"{name}-D{n:05}.TIF": tiff(number + n) for n in range(sheets + 1)}
    return files


def write_folder(folder: Path, files: Mapping[str, bytes]) -> Path:
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def zip_of(files: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def tar_of(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def week_files(numbers: range) -> dict[str, bytes]:
    """The members of a weekly archive: a ZIP for each design, and a utility grant."""
    files = {}
    for number in numbers:
        name = grant_name(number)
        inner = {f"{name}/{file}": data for file, data in grant_files(number).items()}
        files[f"I20210105/DESIGN/{name}.ZIP"] = zip_of(inner)
    files["I20210105/UTIL1088/US10881027-20210105.ZIP"] = zip_of({"x.XML": b"<us-patent-grant/>"})
    return files
