"""What arrived at the server, taken apart so that tests can assert it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias
from urllib.parse import urlsplit

from imagerag.collection import open_image
from imagerag.errors import ImageError
from imagerag.testing.loopback.arrival import Arrival, digest

if TYPE_CHECKING:
    from PIL.Image import Image

Wire: TypeAlias = Literal["openai", "anthropic", "images", "models", "other"]
"""Which API was asked: chat completions, messages, images, the list of models, or none of these."""

_PATHS: Mapping[str, Wire] = {
    "/chat/completions": "openai",
    "/messages": "anthropic",
    "/images/generations": "images",
    "/images/edits": "images",
    "/models": "models",
}
_SECRETS = {"authorization", "x-api-key", "api-key", "cookie", "proxy-authorization"}
_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+);base64,", re.ASCII)


@dataclass(frozen=True)
class SentImage:
    """A picture inside a request. `data` are the file's bytes, `digest` their SHA-256.

    `width` and `height` are in pixels, from decoding the whole picture; both are 0 where it cannot
    be decoded, and `error` says why. `name` is the file name of a multipart part.
    """

    data: bytes = field(repr=False)
    mime: str = ""
    name: str = ""

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the bytes, in hexadecimal."""
        return hashlib.sha256(self.data).hexdigest()

    @cached_property
    def _decoded(self) -> tuple[Image | None, str]:
        try:
            return open_image(self.data), ""
        except ImageError as error:
            return None, str(error)

    @property
    def image(self) -> Image:
        """The picture, decoded. Raises `ImageError` where it is none."""
        picture, error = self._decoded
        if picture is None:
            raise ImageError(f"The image sent as {self.mime!r} {error}")
        return picture

    @property
    def error(self) -> str:
        """Why the bytes are not a picture; "" where they are one."""
        return self._decoded[1]

    @property
    def width(self) -> int:
        """Width in pixels."""
        picture = self._decoded[0]
        return picture.width if picture else 0

    @property
    def height(self) -> int:
        """Height in pixels."""
        picture = self._decoded[0]
        return picture.height if picture else 0


@dataclass(frozen=True)
class ServerRequest:
    """One request. `at` is in seconds since the server started, `port` where it arrived.

    Values of headers that hold secrets are replaced by a digest. `key_arrived` says whether the
    server's key came in its own header, and nothing else there; `key_leaked` whether it stood
    anywhere else: address, other headers, body. `body` is the parsed JSON, or the fields of a
    multipart form (a list where a name came more than once); None where it is neither. `texts` are
    the texts in their order, `system` is that of the system; `parts` tells the order of texts and
    images within the user's messages, such as ("image", "image", "text").
    """

    at: float
    port: int
    method: str
    path: str
    wire: Wire
    headers: Mapping[str, str]
    size: int
    body: Any = None
    system: str = ""
    texts: tuple[str, ...] = ()
    images: tuple[SentImage, ...] = ()
    parts: tuple[str, ...] = ()
    key_arrived: bool = False
    key_leaked: bool = False

    @property
    def text(self) -> str:
        """The user's texts, one after another."""
        return "\n".join(self.texts)

    @property
    def model(self) -> str:
        """The model that was asked for."""
        return str(self._get("model") or "")

    @property
    def temperature(self) -> float | None:
        """The temperature, None where none was sent."""
        value = self._get("temperature")
        return None if value is None else float(value)

    @property
    def max_tokens(self) -> int | None:
        """The limit on the answer's length, under any of its names."""
        for name in ("max_completion_tokens", "max_tokens"):
            if (value := self._get(name)) is not None:
                return int(value)
        return None

    @property
    def format(self) -> str:
        """How the answer was asked for: "json_schema", "json_object", "tool" or ""."""
        form = self._get("response_format") or _mapping(self._get("output_config")).get("format")
        if form is None and _mapping(self._get("tool_choice")).get("type") in ("tool", "function"):
            return "tool"
        return str(_mapping(form).get("type", ""))

    @property
    def schema(self) -> Mapping[str, Any] | None:
        """The JSON schema of the answer, None where none was sent."""
        form = _mapping(self._get("response_format"))
        if "json_schema" in form:
            return _mapping(_mapping(form["json_schema"]).get("schema")) or None
        form = _mapping(_mapping(self._get("output_config")).get("format"))
        if "schema" in form:
            return _mapping(form["schema"]) or None
        if self.format == "tool":
            tools = self._get("tools")
            tool = _mapping(tools[0]) if isinstance(tools, list) and tools else {}
            function = _mapping(tool.get("function"))
            return _mapping(tool.get("input_schema") or function.get("parameters")) or None
        return None

    def _get(self, name: str) -> Any:
        return self.body.get(name) if isinstance(self.body, Mapping) else None


def take_apart(arrival: Arrival, *, at: float, port: int, key: str | None) -> ServerRequest:
    """Return the record of a request; a body that cannot be read is left out, never an error."""
    path = urlsplit(arrival.target).path
    ends = [wire for end, wire in _PATHS.items() if path.endswith(end)]
    found: Wire = ends[0] if ends else "other"
    body, images = _body(arrival)
    system, pieces = _pieces(found, body)
    user = [piece for piece in pieces if isinstance(piece, SentImage | str)]
    return ServerRequest(
        at=at,
        port=port,
        method=arrival.method,
        path=arrival.target,
        wire=found,
        headers={
            name: digest(value) if name in _SECRETS else value
            for name, value in arrival.headers.items()
        },
        size=len(arrival.body),
        body=body,
        system=system,
        texts=tuple(piece for piece in user if isinstance(piece, str)),
        images=(*images, *(piece for piece in user if isinstance(piece, SentImage))),
        parts=tuple("text" if isinstance(piece, str) else "image" for piece in user),
        key_arrived=key is not None and _key(arrival.headers) == key,
        key_leaked=key is not None and _leaked(arrival, key),
    )


def _key(headers: Mapping[str, str]) -> str:
    bearer = headers.get("authorization", "")
    return headers.get("x-api-key") or bearer.removeprefix("Bearer ")


def _leaked(arrival: Arrival, key: str) -> bool:
    others = [value for name, value in arrival.headers.items() if name not in _SECRETS]
    return key in arrival.target or any(key in v for v in others) or key.encode() in arrival.body


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _body(arrival: Arrival) -> tuple[Any, list[SentImage]]:
    kind = arrival.headers.get("content-type", "")
    if kind.startswith("multipart/form-data"):
        return _multipart(kind, arrival.body)
    try:
        return json.loads(arrival.body), []
    except (ValueError, RecursionError):
        return None, []


def _multipart(kind: str, body: bytes) -> tuple[dict[str, Any], list[SentImage]]:
    fields: dict[str, Any] = {}
    images: list[SentImage] = []
    boundary = kind.partition("boundary=")[2].partition(";")[0].strip().strip('"')
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary.encode())[1:]:
        head, _, data = part.partition(b"\r\n\r\n")
        told = head.decode("utf-8", "replace")
        name = re.search(r'\bname="([^"]*)"', told)
        if name is None:
            continue  # the end mark
        file = re.search(r'\bfilename="([^"]*)"', told)
        if file:
            mime = re.search(r"(?im)^content-type:\s*(\S+)", told)
            images.append(SentImage(data, mime.group(1) if mime else "", file.group(1)))
            value: Any = {"filename": file.group(1), "field": name.group(1)}
        else:
            value = data.decode("utf-8", "replace")
        if name.group(1) in fields:
            before = fields[name.group(1)]
            value = [*before, value] if isinstance(before, list) else [before, value]
        fields[name.group(1)] = value
    return fields, images


def _pieces(wire: Wire, body: Any) -> tuple[str, list[SentImage | str]]:
    """Return the system's text, and the user's texts and images in their order."""
    values = _mapping(body)
    if wire == "images":
        return "", [str(values["prompt"])] if "prompt" in values else []
    system = _texts(values.get("system"))
    pieces: list[SentImage | str] = []
    messages = values.get("messages")
    for message in messages if isinstance(messages, list) else []:
        content = _mapping(message).get("content")
        if _mapping(message).get("role") in ("system", "developer"):
            system += _texts(content)
        else:
            pieces += _content(content)
    return "\n".join(system), pieces


def _texts(content: Any) -> list[str]:
    return [piece for piece in _content(content) if isinstance(piece, str)]


def _content(content: Any) -> Iterator[SentImage | str]:
    if isinstance(content, str):
        yield content
    for block in content if isinstance(content, Sequence) and not isinstance(content, str) else []:
        part = _mapping(block)
        if part.get("type") == "text":
            yield str(part.get("text", ""))
        elif part.get("type") == "image_url":
            yield _from_url(str(_mapping(part.get("image_url")).get("url", "")))
        elif part.get("type") == "image":
            source = _mapping(part.get("source"))
            if source.get("type") == "base64":
                yield _from_base64(str(source.get("data", "")), str(source.get("media_type", "")))
            else:
                yield _from_url(str(source.get("url", "")))


def _from_url(url: str) -> SentImage:
    found = _DATA_URL.match(url)
    return _from_base64(url[found.end() :], found.group(1)) if found else SentImage(b"", "url")


def _from_base64(text: str, mime: str) -> SentImage:
    try:
        return SentImage(base64.b64decode(text, validate=True), mime)
    except binascii.Error:
        return SentImage(b"", mime)
