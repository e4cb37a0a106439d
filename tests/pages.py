"""The parts of a documentation page that a test can check: blocks, links, headings, options."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from support import REPOSITORY

_BLOCK = re.compile(
    r"(?:^<!-- not run: (?P<reason>.+?) -->\n+)?^```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.M | re.S
)
_GIVEN = re.compile(r"^<!-- given: (.+) -->$", re.M)
_FENCED = re.compile(r"^```.*?^```$", re.M | re.S)
_LINK = re.compile(r"!?\[[^]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced block; ``reason`` says why it is not run, or is None."""

    kind: str
    text: str
    reason: str | None


@dataclass(frozen=True)
class Step:
    """A command of a ``console`` block, and what the page says that it prints."""

    command: str
    shown: list[str]


def pages() -> list[Path]:
    """Return every page that a reader of the repository may open."""
    return [
        *sorted(REPOSITORY.glob("*.md")),
        *sorted((REPOSITORY / "docs").glob("*.md")),
        REPOSITORY / "data" / "README.md",
        REPOSITORY / "workflows" / "README.md",
    ]


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page, in order."""
    found = _BLOCK.finditer(page.read_text(encoding="utf-8"))
    return [Block(match["kind"], match["text"], match["reason"]) for match in found]


def given(page: Path) -> list[str]:
    """Return the files that the page says are there before its first command."""
    found = _GIVEN.search(page.read_text(encoding="utf-8"))
    return found[1].split() if found else []


def steps(block: Block) -> list[Step]:
    """Return the commands of a ``console`` block. A line that ends with a backslash goes on."""
    found: list[Step] = []
    open_line = False
    for line in block.text.splitlines():
        if open_line:
            found[-1] = Step(f"{found[-1].command}\n{line.removeprefix('> ')}", [])
        elif line.startswith("$ "):
            found.append(Step(line[2:], []))
        else:
            found[-1].shown.append(line)
        open_line = line.endswith("\\") and not found[-1].shown
    return found


def is_printed(shown: list[str], printed: list[str]) -> bool:
    """Say whether what a page shows was printed; a line ``...`` stands for any lines.

    Within a line ``...`` stands for any text.

    >>> is_printed(["a", "...", "took ... s"], ["a", "b", "c", "took 3 s"])
    True
    >>> is_printed(["a"], ["a", "b"])
    False
    """
    if not shown:
        return not printed
    if shown[0] == "...":
        return any(is_printed(shown[1:], printed[start:]) for start in range(len(printed) + 1))
    if not printed:
        return False
    pattern = ".*".join(map(re.escape, shown[0].split("...")))
    return bool(re.fullmatch(pattern, printed[0])) and is_printed(shown[1:], printed[1:])


def prose(page: Path) -> str:
    """Return the text of a page without its fenced blocks."""
    return _FENCED.sub("", page.read_text(encoding="utf-8"))


def relative_links(page: Path) -> list[str]:
    """Return the targets of a page's links, except those to other sites."""
    return [
        target
        for target in _LINK.findall(re.sub(r"`[^`]*`", "", prose(page)))
        if not re.match(r"[a-z]+:", target)
    ]


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub makes of the headings of a page."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.+)$", prose(page), re.M):
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
        slug = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        repeated = (f"{slug}-{number}" for number in range(1, 100))
        found.add(slug if slug not in found else next(s for s in repeated if s not in found))
    return found


def invocations(page: Path) -> Iterator[str]:
    """Yield the words after ``barcodeembed`` of every command that a page shows."""
    for block in blocks(page):
        if block.kind in ("sh", "console"):
            commands = (
                "\n".join(step.command for step in steps(block))
                if block.kind == "console"
                else re.sub(r"(^|\s)# .*$", "", block.text, flags=re.M)
            )
            joined = commands.replace("\\\n", " ")
            yield from re.findall(r"(?:^|[\s;|&(])barcodeembed +([^|;&>)\n]+)", joined)
    yield from re.findall(r"`barcodeembed ([^`|;&>]+)`", prose(page).replace("\n", " "))


def inline_options(page: Path) -> Iterator[tuple[str, str]]:
    """Yield each option in inline code, with the words before it in the same code span."""
    for span in re.findall(r"`([^`]+)`", prose(page)):
        for match in re.finditer(r"(?:^|\s)(--?[a-zA-Z][\w-]*)", span):
            yield match[1], span[: match.start(1)].strip()
