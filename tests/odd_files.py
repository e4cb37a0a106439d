"""Malformed and unusual sequence files, each with the expected result of ``classify``.

The policy: a file with one clear meaning is read. A record that had to be repaired is flagged. A
record that cannot be named keeps its row, with the reason. A file that cannot be trusted is an
error.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
from dataclasses import dataclass

_random = random.Random(7)


def bases(length: int) -> str:
    """Draw a random barcode."""
    return "".join(_random.choices("ACGT", k=length))


A, B, C = bases(658), bases(658), bases(658)

#: Many of the other files are this file in another form.
PLAIN = f">s1 first\n{A}\n>s2 second\n{B}\n>s3 third\n{C}\n".encode()
IDS = ["s1", "s2", "s3"]

#: 3,000 records that are too short to be embedded, in several blocks of every container.
MANY = "".join(f">r{i}\n{bases(80)}\n" for i in range(3_000)).encode()
MANY_GZ = gzip.compress(MANY, mtime=0)


@dataclass(frozen=True)
class Case:
    """A file and the expected rows, as ``id`` or ``id flags``; or the error, as a regex.

    With ``as_plain`` all cells must equal those of PLAIN. ``warning`` is a regex.
    """

    name: str
    content: bytes
    rows: list[str] | None = None
    error: str | None = None
    as_plain: bool = False
    warning: str | None = None


def _flip(data: bytes, at: int) -> bytes:
    changed = bytearray(data)
    changed[at] ^= 0xFF
    return bytes(changed)


def _genbank_layout(letters: str) -> str:
    """Write bases as GenBank does: sixty a line in groups of ten, after the line's first number."""
    lines = []
    for start in range(0, len(letters), 60):
        groups = (letters[i : i + 10] for i in range(start, min(start + 60, len(letters)), 10))
        lines.append(f"{start + 1:>9} {' '.join(groups)}")
    return "\n".join(lines)


def _same(name: str, content: bytes, warning: str | None = None) -> Case:
    return Case(name, content, IDS, as_plain=True, warning=warning)


def _named(name: str, content: str | bytes, *rows: str, warning: str | None = None) -> Case:
    content = content if isinstance(content, bytes) else content.encode()
    return Case(name, content, list(rows), warning=warning)


def _refused(name: str, content: str | bytes, error: str) -> Case:
    content = content if isinstance(content, bytes) else content.encode()
    return Case(name, content, error=error)


CONTAINERS = [
    _named("empty.fa", "", warning="0 records"),
    _named("newlines.fa", "\n\n\n", warning="0 records"),
    _named("empty.fa.gz", "", warning="0 records"),
    _named("empty_content.fa.gz", gzip.compress(b""), warning="0 records"),
    _refused(
        "half.fa.gz",
        MANY_GZ[: len(MANY_GZ) // 2],
        r"truncated gzip after record r\d+ \([\d,]+ records read\)",
    ),
    _refused("no_trailer.fa.gz", MANY_GZ[:-8], "truncated gzip"),
    _refused("wrong_sum.fa.gz", _flip(MANY_GZ, -6), "damaged gzip"),
    _refused("flipped.fa.gz", _flip(MANY_GZ, len(MANY_GZ) // 2), "damaged gzip"),
    _refused("trailing.fa.gz", MANY_GZ + b"garbage", "damaged gzip"),
    _refused("half.fa.bz2", bz2.compress(MANY)[:-2000], "truncated bzip2"),
    # One wrong bit damages a whole block of bzip2, before its checksum is read.
    _refused("flipped.fa.bz2", _flip(bz2.compress(MANY), 5_000), "damaged bzip2|binary data"),
    _refused("half.fa.xz", lzma.compress(MANY)[:-2000], "truncated xz"),
    _refused("flipped.fa.xz", _flip(lzma.compress(MANY), 5_000), "damaged xz"),
    _same("padded.fa.gz", gzip.compress(PLAIN) + b"\0" * 512),
    _same(
        "members.fa.gz",
        b"".join(gzip.compress(PLAIN[i : i + 500]) for i in (0, 500, 1000, 1500))
        + gzip.compress(PLAIN[2000:]),
    ),
    _same("plain_named.fa.gz", PLAIN),
    _same("gzip_named.fa", gzip.compress(PLAIN)),
    _same("plain.fa.bz2", bz2.compress(PLAIN)),
    _same("plain.fa.xz", lzma.compress(PLAIN)),
    _refused("plain.fa.zst", b"\x28\xb5\x2f\xfd" + bytes(40), "zstandard"),
    _same("bom.fa", b"\xef\xbb\xbf" + PLAIN),
    _refused("utf16.fa", PLAIN.decode().encode("utf-16"), "looks like UTF-16"),
    _refused("utf16_no_bom.fa", PLAIN.decode().encode("utf-16-le"), "looks like UTF-16"),
    _refused("noise.fa", _random.randbytes(20_000), "binary data"),
    _refused("picture.fa", b"\x89PNG\r\n\x1a\n" + bytes(200), "PNG image"),
    _refused("page.fa", "<!DOCTYPE html><html>404 Not Found</html>\n", "HTML page"),
    _refused("pointer.fa", "version https://git-lfs.github.com/spec/v1\n", "git-lfs pointer"),
    _refused("archive.qza", b"PK\x03\x04" + bytes(60), "zip archive"),
]

LAYOUTS = [
    _same("no_last_newline.fa", PLAIN[:-1]),
    _named("cut.fa", PLAIN[:-300], *IDS),
    _same("crlf.fa", PLAIN.replace(b"\n", b"\r\n")),
    _same("cr.fa", PLAIN.replace(b"\n", b"\r")),
    _same("mixed_ends.fa", PLAIN.replace(b"\n", b"\r\n", 3)),
    _same("blank_lines.fa", b"\n\n" + PLAIN.replace(b"\n", b"\n\n")),
    _same("trailing_blanks.fa", PLAIN.replace(b"\n", b"  \t\n")),
    _same("space_after_mark.fa", PLAIN.replace(b">", b"> ")),
    _same("tab_in_header.fa", PLAIN.replace(b" ", b"\t")),
    _same("comments.fa", b";an old comment\n;and more\n" + PLAIN, "read as comments"),
    _same("lower.fa", PLAIN.lower()),
    _same("rna.fa", PLAIN.replace(b"T", b"U")),
    _same(
        "fastq.fa",
        b"".join(
            f"@{i}\n{s}\n+\n{'I' * len(s)}\n".encode() for i, s in zip(IDS, (A, B, C), strict=True)
        ),
    ),
    _same(
        "blank_lines.fq",
        f"\n\n@s1\n{A}\n+\n{'@' * 658}\n\n@s2\n{B}\n+s2\n{'I' * 658}\n\n"
        f"@s3\n{C}\n+\n{'+' * 658}\n\n".encode(),
    ),
    _same("table.tsv", f"\nprocessid\tnuc\ns1\t{A}\n\ns2\t{B}\ns3\t{C}".encode()),
    _named("genbank.fa", f">s1\n{_genbank_layout(A)}\n", "s1 layout_removed"),
    _named("genbank.tsv", f"id\tsequence\ns1\t1 {A[:300]} 301 {A[300:]}\n", "s1 layout_removed"),
    _named("gaps.fa", f">s1\n---{A[:300]}----{A[300:]}--\n>s2\n..{B[:9]}.{B[9:]}\n", "s1", "s2"),
    _named("unequal.fa", f">s1\n{A}\n>s2\n{B[:101]}\n>s3\n{C}{A[:300]}\n", "s1", "s2", "s3"),
]

RECORDS = [
    _refused("no_header.fa", f"{A}\n", r"no_header.fa:1: .*before the first header"),
    _named("header_only.fa", ">s1\n", "s1 empty"),
    _named("empty_middle.fa", f">s1\n{A}\n>s2\n>s3\n{C}\n", "s1", "s2 empty", "s3"),
    _named("no_ids.fa", f">\n{A}\n> \n{B}\n", "record_000001 no_id", "record_000002 no_id"),
    _named(
        "repeated_ids.fa",
        f">s1\n{A}\n>s1\n{B}\n>s3\n{C}\n",
        "s1",
        "s1",
        "s3",
        warning="1 records repeat an earlier id",
    ),
    _named("utf8_id.fa", f">Größe_π_蜂\n{A}\n", "Größe_π_蜂"),
    _named(
        "hostile_ids.fa",
        f">\"a,b\"=1;x\n{A}\n>-rf\n{A}\n>#c\n{A}\n>NA\n{A}\n>'q'|p;tax=k:A;\n{A}\n",
        '"a,b"=1;x',
        "-rf",
        "#c",
        "NA",
        "'q'|p;tax=k:A;",
    ),
    _refused(
        "latin1_id.fa",
        b">s1\n" + A.encode() + b"\n>Gr\xf6\xdfe\n" + B.encode(),
        "latin1_id.fa:3: byte 0xf6 is not utf-8 text; .*--encoding latin-1",
    ),
    _refused("nul_in_id.fa", f">s\x001\n{A}\n", "nul_in_id.fa:1: control character"),
    _refused(
        "newline_in_id.csv",
        f'id,nuc\ns1,{A}\n"s\n2",{B}\n',
        r"newline_in_id.csv:3: control character in the record's id 's\\n2'",
    ),
    _refused("long_id.fa", f">{'x' * 200_000}\n{A}\n", "long_id.fa:1: the header is over 65,536"),
    _named("iupac.fa", f">s1\n{A[:100]}RYSWKMBDHVN{A[111:]}\n", "s1"),
    _named("ambiguous.fa", f">s1\n{A[:600]}{'N' * 58}\n", "s1 ambiguous_bases"),
    _named("all_n.fa", f">s1\n{'N' * 658}\n", "s1 ambiguous_bases;low_information"),
    _named("half_n.fa", f">s1\n{A[:320]}{'N' * 338}\n", "s1 ambiguous_bases;low_information"),
    _named(
        "repeat.fa",
        f">s1\n{'A' * 658}\n>s2\n{'AT' * 329}\n",
        "s1 low_information",
        "s2 low_information",
    ),
    _named("short.fa", f">s1\nA\n>s2\n{A[:49]}\n>s3\n{A[:100]}\n", "s1 short", "s2 short", "s3"),
    _named("huge.fa", f">s1\n{A * 4_000}\n>s2\n{B}\n", "s1 too_long", "s2"),
    _named("huge_lines.fa", ">s1\n" + f"{A}\n" * 4_000 + f">s2\n{B}\n", "s1 too_long", "s2"),
    _refused(
        "mark_inside.fa",
        f">s1\n{A[:100]}>{A[100:]}\n",
        r"mark_inside.fa:2 \(s1\): character '>' inside a sequence; is a newline missing",
    ),
    _refused(
        "nul_inside.fa",
        f">s1\n{A}\n>s2\n{B[:9]}\x00{B[9:]}\n",
        r"nul_inside.fa:4 \(s2\): character '\\x00'",
    ),
    _refused(
        "protein.fa",
        ">p1\nMKVLAAGIVGLPNVGKSTLFNALTKQ\n",
        r"protein.fa:2 \(p1\): character 'L' .*looks like protein",
    ),
    _named("inosine.fa", f">s1\n{A[:50]}I{A[51:]}\n", "s1"),
    _refused("letter_x.fa", f">s1\n{A[:50]}X{A[51:]}\n", r"letter_x.fa:2 \(s1\): character 'X'"),
    _refused("escape_in_id.fa", f">s\x1b[31m1\n{A}\n", r"escape_in_id.fa:1: .*'s\\x1b\[31m1'"),
    _refused("stop.fa", f">s1\n{A}\n{A}*\n", r"stop.fa:3 \(s1\): character '\*'"),
    _refused(
        "truncated.fq",
        f"@s1\n{A}\n+\n{'I' * 658}\n@s2\n{B}\n+\n{'I' * 300}",
        "truncated.fq:5: not valid FASTQ: .*s2",
    ),
    _refused("no_quality.fq", f"@s1\n{A}\n", "no_quality.fq:1: not valid FASTQ"),
    _refused(
        "short_quality.fq",
        f"@s1\nAC\n+\nI\n@s2\n{B}\n+\n{'I' * 658}\n@s3\nA\n+\nI\n",
        "short_quality.fq:1: not valid FASTQ: .*s1",
    ),
    _refused(
        "no_phred.fq",
        f"@s1\n{A}\n+\n{'I' * 657}\x7f\n",
        r"no_phred.fq:1 \(s1\): not valid FASTQ: '\\x7f' is no quality",
    ),
    _refused("no_ascii.fq", f"@s1\n{A}\n+\n{'é' * 658}\n", "no_ascii.fq:1 .*'é' is no quality"),
    _refused("other_title.fq", f"@s1\n{A}\n+s2\n{'I' * 658}\n", "other_title.fq:1: not valid"),
    _refused(
        "ragged.csv",
        f"id,nuc\ns1,{A}\ns2,{B},x\n",
        "ragged.csv:3: the row has 3 columns, the header has 2",
    ),
    _refused(
        "open_quote.csv",
        f'id,nuc\ns1,{A}\ns2,"{B}\ns3,{C}\n',
        "open_quote.csv:3: not a valid table",
    ),
    _refused("open_quote_above.csv", f'"id,nuc\ns1,{A}\n', "open_quote_above.csv:"),
    _refused(
        "protein.tsv",
        "id\tnuc\ns1\tMKVLAAGIVGLPNVGKSTLF\n",
        r"protein.tsv:2 \(s1\): .*looks like protein",
    ),
]

CASES = [*CONTAINERS, *LAYOUTS, *RECORDS]
