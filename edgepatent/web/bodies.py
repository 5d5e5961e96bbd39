"""Reading what a client sends, as much of it and as long as is reasonable."""

import asyncio
from collections.abc import AsyncIterator
from typing import TypeVar

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from edgepatent_runtime.errors import InputError

# A sheet at 600 dpi is under 1 MB, a photograph under 10 MB, a patent as PDF under 30 MB.
IMAGE_BYTES = 48 << 20
JSON_BYTES = 64 << 10
# How long a client may send nothing, and how long it may take in all.
PAUSE_S = 10.0
WHOLE_S = 120.0
# Of each body this much is read at once; for more there are turns, so that many clients cannot
# fill the memory, and slow ones that never get there keep nobody waiting.
SMALL_BYTES = 256 << 10
TURNS = 4

T = TypeVar("T")


class Bodies:
    """Reads request bodies."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(TURNS)

    async def image(self, request: Request) -> bytes:
        """An image file. Raises `HTTPException` 413 where it is too large, 408 where too slow."""
        return await self._read(request, IMAGE_BYTES)

    async def json(self, request: Request, kind: type[T]) -> T:
        """A JSON document of the type ``kind``. Raises `InputError` for anything else."""
        data = await self._read(request, JSON_BYTES)
        try:
            return msgspec.json.decode(data, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InputError(f"the request cannot be read: {error}") from error

    async def _read(self, request: Request, most: int) -> bytes:
        announced = request.headers.get("content-length", "0")
        if not announced.isdecimal() or int(announced) > most:
            raise _too_large(most)
        body = bytearray()
        stream = request.stream()
        try:
            async with asyncio.timeout(WHOLE_S):
                if not await _fill(body, stream, min(SMALL_BYTES, most)):
                    async with self._turns:
                        if not await _fill(body, stream, most):
                            raise _too_large(most)
        except TimeoutError as error:
            raise HTTPException(408, "the request took too long to arrive") from error
        except ClientDisconnect as error:
            raise HTTPException(400, "the client went away") from error
        return bytes(body)


async def _fill(body: bytearray, stream: AsyncIterator[bytes], most: int) -> bool:
    """Read on until the stream ends (True) or the body is larger than ``most`` (False)."""
    while len(body) <= most:
        async with asyncio.timeout(PAUSE_S):
            part = await anext(stream, None)
        if part is None:
            return True
        body += part
    return False


def _too_large(most: int) -> HTTPException:
    return HTTPException(413, f"at most {most >> 20 or 1} MB can be sent")
