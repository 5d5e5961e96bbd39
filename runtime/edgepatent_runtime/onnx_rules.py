"""What a model file may hold, checked before onnxruntime sees it.

A bundle may come from anybody. onnxruntime follows external data to other files, runs control
flow for as long as it likes and reserves what a tensor's dimensions say; our exports need none of
that. The file is walked in protobuf's wire format, so that a device needs no ``onnx`` package.

Source: the field numbers of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto);
https://protobuf.dev/programming-guides/encoding/ for the wire format.
"""

import math
from collections.abc import Iterator

MOST_ELEMENTS = 1 << 28
"""So many numbers a stored tensor may hold: a gigabyte of float32."""

MOST_NODES = 100_000

DOMAINS = frozenset({"", "ai.onnx", "com.microsoft"})
"""Whose operators a model may use: the standard's, and those that every onnxruntime brings."""

# ModelProto
_GRAPH, _OPSETS, _TRAINING, _FUNCTIONS = 7, 8, 20, 25
# OperatorSetIdProto
_OPSET_DOMAIN = 1
# GraphProto
_NODES, _INITIALISERS, _SPARSE = 1, 5, 15
# NodeProto
_NODE_TYPE, _NODE_ATTRIBUTES, _NODE_DOMAIN = 4, 5, 7
# AttributeProto: a tensor, tensors; graphs and sparse tensors
_TENSOR, _TENSORS = 5, 10
_FOREIGN_ATTRIBUTES = {6: "a graph", 11: "graphs", 22: "a sparse tensor", 23: "sparse tensors"}
# TensorProto
_DIMS, _EXTERNAL_DATA, _DATA_LOCATION = 1, 13, 14

_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5


Span = tuple[int, int]


def require(model: bytes) -> None:
    """Raise `ValueError`, in words, unless the ONNX file ``model`` keeps to the rules.

    No data outside the file, no operators but those of `DOMAINS`, no control flow, functions or
    training graphs, no tensor of more than `MOST_ELEMENTS` numbers.
    """
    graphs = 0
    for number, value in _fields(model, (0, len(model))):
        if number == _GRAPH:
            graphs += 1
            _graph(model, _span(value))
        elif number == _OPSETS:
            for field, domain in _fields(model, _span(value)):
                if field == _OPSET_DOMAIN:
                    _domain(model, _span(domain))
        elif number in (_TRAINING, _FUNCTIONS):
            what = "a training graph" if number == _TRAINING else "functions"
            raise ValueError(f"it holds {what}, which no export of ours does")
    if graphs != 1:
        raise ValueError("it is no ONNX model")


def _graph(model: bytes, graph: Span) -> None:
    nodes = 0
    for number, value in _fields(model, graph):
        if number == _NODES:
            nodes += 1
            if nodes > MOST_NODES:
                raise ValueError(f"it has more than {MOST_NODES:,} nodes")
            _node(model, _span(value))
        elif number == _INITIALISERS:
            _tensor(model, _span(value))
        elif number == _SPARSE:
            raise ValueError("it holds a sparse tensor, which no export of ours does")


def _node(model: bytes, node: Span) -> None:
    for number, value in _fields(model, node):
        if number == _NODE_DOMAIN:
            _domain(model, _span(value))
        elif number == _NODE_ATTRIBUTES:
            for field, content in _fields(model, _span(value)):
                if field in (_TENSOR, _TENSORS):
                    _tensor(model, _span(content))
                elif field in _FOREIGN_ATTRIBUTES:
                    kind = _FOREIGN_ATTRIBUTES[field]
                    raise ValueError(f"a node holds {kind}, which no export of ours does")


def _tensor(model: bytes, tensor: Span) -> None:
    dims: list[int] = []
    for number, value in _fields(model, tensor):
        if number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value != 0):
            raise ValueError("it keeps data in other files")
        if number == _DIMS:
            # Repeated numbers may stand by themselves or packed into one field.
            dims += [value] if isinstance(value, int) else _packed(model, value)
    # A negative dimension is a very large one in this format.
    if len(dims) > 16 or math.prod(dims) > MOST_ELEMENTS or max(dims, default=0) > MOST_ELEMENTS:
        raise ValueError(f"it holds a tensor of more than {MOST_ELEMENTS:,} numbers")


def _domain(model: bytes, span: Span) -> None:
    domain = model[span[0] : min(span[1], span[0] + 80)].decode(errors="replace")
    if domain not in DOMAINS:
        raise ValueError(f"it uses operators of {domain!r}, not only standard ones")


def _span(value: int | Span) -> Span:
    """Where a message lies; a number in its place is not ONNX."""
    if isinstance(value, int):
        raise ValueError("it is no ONNX model")
    return value


def _packed(data: bytes, span: Span) -> list[int]:
    numbers = []
    at, end = span
    while at < end:
        number, at = _varint(data, at, end)
        numbers.append(number)
    return numbers


def _fields(data: bytes, message: Span) -> Iterator[tuple[int, int | Span]]:
    """The number of each field of a message and its value: a number, or from where to where."""
    at, end = message
    while at < end:
        # Most numbers take one byte, and a model has thousands: a search from cold waits for this.
        key = data[at]
        at += 1
        if key > 127:
            key, at = _varint(data, at - 1, end)
        wire = key & 7
        if wire == _VARINT:
            value, at = _varint(data, at, end)
            yield key >> 3, value
            continue
        if wire == _BYTES:
            length = data[at] if at < end else 128
            if length < 128:
                at += 1
            else:
                length, at = _varint(data, at, end)
        elif wire in (_EIGHT, _FOUR):
            length = 8 if wire == _EIGHT else 4
        else:
            raise ValueError("it is no ONNX model")
        if length > end - at:
            raise ValueError("it ends too early")
        yield key >> 3, (at, at + length)
        at += length


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    """A number of up to 64 bits, and where the next byte lies."""
    value = shift = 0
    while at < end and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
    raise ValueError("it ends too early" if at >= end else "it is no ONNX model")
