"""A USPTO design grant's XML: v4.0 to v4.5 (2005 on) and the SGML-era PATDOC (2001 to 2004).

Read with expat as a stream, so that a huge document costs no memory. An internal DTD may name
drawings (NDATA entities, as PATDOC does); entities with a replacement text or an address are
refused, so that no document can read a file (XXE) or swell (billion laughs). (defusedxml would
refuse the NDATA entities as well.)
"""

from typing import NamedTuple
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from edgepatent_runtime.errors import DrawingError
from edgepatent_runtime.record import Bibliography
from edgepatent_runtime.sources import front_page

# Where each fact stands: the tail of the path of elements, in v4 and in PATDOC.
_FIELDS = {
    ("publication-reference", "document-id", "doc-number"): "number",
    ("publication-reference", "document-id", "date"): "date",
    ("classification-locarno", "main-classification"): "locarno",
    ("classification-locarno", "edition"): "edition",
    ("us-bibliographic-data-grant", "invention-title"): "title",
    ("B110", "DNUM", "PDAT"): "number",
    ("B140", "DATE", "PDAT"): "date",
    ("B510", "B511", "PDAT"): "locarno",
    ("B510", "B516", "PDAT"): "edition",
    ("B540", "STEXT", "PDAT"): "title",
}
_DEPTH = 3
_ROOTS = ("us-patent-grant", "PATDOC")
_DRAWINGS = {"img": "file", "EMI": "FILE"}
_DESCRIPTIONS = ("description-of-drawings", "DRWDESC")
_PARAGRAPHS = ("p", "PARA")
_MOST_TEXT = 1 << 20
# Real ones have some hundreds.
_MOST_ELEMENTS = 20_000


_SECTION_DEPTH = max(map(len, front_page.SECTIONS))


class GrantXml(NamedTuple):
    """What the XML of a design grant says, each as written there; "" where it says nothing.

    ``description`` is the description of the drawings, one paragraph a line; ``drawings`` are the
    names of the drawing files.
    """

    number: str
    date: str
    locarno: str
    edition: str
    title: str
    description: str
    drawings: tuple[str, ...]
    bibliography: Bibliography


def parse(data: bytes, label: str) -> GrantXml:
    """Read the XML of one grant.

    Raises `DrawingError` with the reason "damaged grant XML", "grant XML with entities" or "XML
    that is no patent grant".
    """
    reader = _Reader(label)
    parser = expat.ParserCreate()
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.EntityDeclHandler = reader.entity
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError, LookupError) as error:  # LookupError: of its encoding
        raise DrawingError("damaged grant XML", f"{label}: {error}") from error
    return reader.result()


class _Reader:
    """Collects the fields as expat goes by."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._path: list[str] = []
        self._values: dict[str, list[str]] = {}
        self._field: str | None = None
        self._described = 0
        self._description: list[str] = []
        self._length = 0
        self._drawings: dict[str, None] = {}
        self._sections: list[Element] = []
        self._section: TreeBuilder | None = None
        self._section_depth = 0
        self._elements = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if not self._path and tag not in _ROOTS:
            raise DrawingError("XML that is no patent grant", f"{self._label} (root <{tag}>)")
        self._path.append(tag)
        field = _FIELDS.get(tuple(self._path[-_DEPTH:])) or _FIELDS.get(tuple(self._path[-2:]))
        if field is not None and field not in self._values:
            self._field = field
            self._values[field] = []
        # Not the whole path where it is a deep one: that takes time by the square of its depth.
        below = self._path[1 : _SECTION_DEPTH + 2]
        if self._section is None and tuple(below) in front_page.SECTIONS:
            self._section, self._section_depth = TreeBuilder(), len(self._path)
        if self._section is not None:
            self._elements += 1
            if self._elements <= _MOST_ELEMENTS:
                self._section.start(tag, attributes)
        if tag in _DESCRIPTIONS:
            self._described += 1
        if tag in _DRAWINGS and (name := attributes.get(_DRAWINGS[tag])):
            self._drawings[name] = None

    def end(self, tag: str) -> None:
        field = _FIELDS.get(tuple(self._path[-_DEPTH:])) or _FIELDS.get(tuple(self._path[-2:]))
        if field == self._field:
            self._field = None
        if self._section is not None and self._elements <= _MOST_ELEMENTS:
            self._section.end(tag)
            if len(self._path) == self._section_depth:
                self._sections.append(self._section.close())
                self._section = None
        self._path.pop()
        if tag in _DESCRIPTIONS:
            self._described -= 1
        elif self._described and tag in _PARAGRAPHS:
            self._description.append("\n")

    def text(self, text: str) -> None:
        if self._section is not None and self._elements <= _MOST_ELEMENTS:
            self._section.data(text)
        if self._field is not None:
            self._values[self._field].append(text)
        elif self._described and self._length < _MOST_TEXT:
            self._length += len(text)
            self._description.append(text)

    def entity(
        self,
        name: str,
        is_parameter: bool,
        value: str | None,
        base: str | None,
        system_id: str | None,
        public_id: str | None,
        notation: str | None,
    ) -> None:
        if notation is None:
            raise DrawingError("grant XML with entities", f"{self._label} (entity {name!r})")

    def result(self) -> GrantXml:
        values = {field: " ".join("".join(parts).split()) for field, parts in self._values.items()}
        lines = (" ".join(line.split()) for line in "".join(self._description).splitlines())
        return GrantXml(
            number=values.get("number", ""),
            date=values.get("date", ""),
            locarno=values.get("locarno", ""),
            edition=values.get("edition", ""),
            title=values.get("title", ""),
            description="\n".join(line for line in lines if line),
            drawings=tuple(self._drawings),
            bibliography=front_page.read(self._sections),
        )
