"""A self-contained HTML page: a body in the shell of all pages, with style, scripts and data."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any

# Escapes that keep JSON from ending its HTML element, and that JavaScript reads as JSON does.
_ESCAPES = str.maketrans({c: f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"})

#: Where shell.html and the body have a part: /*TITLE*/, /*STYLE*/, /*DATA*/ and /*SCRIPT*/.
_MARK = re.compile(r"/\*([A-Z]+)\*/")


def assemble(
    body: str, scripts: Sequence[str], data: Mapping[str, Any], title: str
) -> Iterator[str]:
    """Yield the text of a page. ``body`` and ``scripts`` are files next to this module."""

    def read(name: str) -> str:
        return files(__package__).joinpath(name).read_text(encoding="utf-8")

    parts = {
        "TITLE": escape(title),
        "STYLE": read("page.css"),
        "DATA": json.dumps(data, separators=(",", ":")).translate(_ESCAPES),
        "SCRIPT": "\n".join(map(read, scripts)),
    }
    template = read("shell.html").replace("/*BODY*/", read(body).rstrip())
    # Only the template is searched for marks: names and titles can contain them.
    for number, fragment in enumerate(_MARK.split(template)):
        yield parts[fragment] if number % 2 else fragment
