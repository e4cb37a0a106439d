"""Sequence files: read as by Biopython and the csv module, or an error."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import sys
import tracemalloc
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from Bio.SeqIO.FastaIO import SimpleFastaParser
from Bio.SeqIO.QualityIO import FastqGeneralIterator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import SIMULATED

from barcodeembed.errors import InputError, InputWarning
from barcodeembed.sequences import containers as opening
from barcodeembed.sequences import fasta
from barcodeembed.sequences.lines import open_lines
from barcodeembed.sequences.reading import read_records
from barcodeembed.sequences.tables import Columns, read_rows
from barcodeembed.taxonomy.references import chain_labelled

ENDS = ("\n", "\r\n", "\r")
COMPRESS = {"plain": bytes, "gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress}

# Letters of FASTA sequences, and characters of ids: all printable ones without space.
letters = st.text("ACGTacgtUuNnRYSWKMBDHVryswkmbdhv-.", max_size=200)
ids = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=20)
descriptions = st.text(
    st.characters(codec="ascii", categories=("L", "N", "P")) | st.just(" "), max_size=20
)
records = st.lists(st.tuples(ids, descriptions, letters), max_size=6)
a_file = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)


def read(content: bytes | str, path: Path, **options) -> list[fasta.SequenceRecord]:
    """Write a file and read its records."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(read_records(path, **options))


@st.composite
def containers(draw, content: bytes) -> bytes:
    """Draw a container: plain, or compressed in any number of members or streams."""
    name = draw(st.sampled_from(sorted(COMPRESS)))
    cuts = sorted(draw(st.lists(st.integers(0, len(content)), max_size=3)))
    parts = [content[a:b] for a, b in zip([0, *cuts], [*cuts, len(content)], strict=True)]
    return b"".join(map(COMPRESS[name], parts))


@st.composite
def fasta_texts(draw) -> str:
    """Draw FASTA with lines of any length, blank lines and trailing blanks."""
    blanks = st.sampled_from(["", "", "", " ", "\t", "\n", "\n \n"])
    text = draw(st.sampled_from(["", "\n", "\n\n"]))
    for identifier, description, sequence in draw(records):
        separator = draw(st.sampled_from([" ", "\t", "  "])) if description.strip() else ""
        text += f">{identifier}{separator}{description}{draw(blanks)}\n"
        while sequence:
            width = draw(st.integers(1, 80))
            text += sequence[:width] + draw(blanks) + "\n"
            sequence = sequence[width:]
    return text if draw(st.booleans()) else text.rstrip("\n")


@a_file
@given(data=st.data())
def test_fasta_is_read_as_biopython_reads_it(data, tmp_path):
    text = data.draw(fasta_texts())
    expected = [
        (title.split(None, 1)[0], " ".join(title.split(None, 1)[1:]).strip(), sequence)
        for title, sequence in SimpleFastaParser(io.StringIO(text.replace("\t", " ")))
    ]
    written = text.replace("\n", data.draw(st.sampled_from(ENDS))).encode()
    mark = data.draw(st.sampled_from([b"", b"\xef\xbb\xbf"]))
    found = read(data.draw(containers(mark + written)), tmp_path / "x")
    assert [(r.id, r.description, r.sequence) for r in found] == expected
    assert [r.length for r in found] == [len(sequence) for *_, sequence in expected]
    heads = [n for n, line in enumerate(text.split("\n"), 1) if line.startswith(">")]
    assert [r.line for r in found] == heads
    assert {r.flags for r in found} <= {()}


@a_file
@given(
    text=fasta_texts().filter(lambda text: max(map(len, text.split("\n"))) < 60),
    chunk=st.integers(61, 70),
    limit=st.integers(1, 300),
)
def test_lines_longer_than_a_chunk_are_read_in_chunks(text, chunk, limit, tmp_path, monkeypatch):
    """The chunk size is set to few characters, so that lines are longer than a chunk."""
    unwrapped = "".join(f">{r.id}\n{r.sequence}\n" for r in read(text, tmp_path / "x"))
    expected = read(unwrapped, tmp_path / "x")
    monkeypatch.setattr(fasta, "CHUNK", chunk)
    found = read(unwrapped, tmp_path / "x", limit=limit)
    assert [r.sequence for r in found] == [r.sequence[:limit] for r in expected]
    assert [(r.id, r.length, r.line) for r in found] == [(r.id, r.length, r.line) for r in expected]


def test_a_chunk_of_a_line_is_not_a_line(tmp_path, monkeypatch):
    """A chunk is not counted as a line, and not a header if it begins with `>`."""
    monkeypatch.setattr(fasta, "CHUNK", 8)
    found = read(f">a\n{'ACGT' * 9}\n>b\nA\n", tmp_path / "x")
    assert [(r.line, r.length) for r in found] == [(1, 36), (3, 1)]
    with pytest.raises(InputError, match=r"x:4 \(b\): character '>' inside a sequence"):
        read(f">a\n{'ACGT' * 9}\n>b\n{'ACGT' * 2}>c\nACGT\n", tmp_path / "x")


@a_file
@given(data=st.data(), records=st.lists(st.tuples(ids, st.text("ACGTN", max_size=50)), max_size=6))
def test_fastq_is_read_as_biopython_reads_it(data, records, tmp_path):
    text = ""
    for identifier, sequence in records:
        quality = data.draw(
            st.text(
                st.characters(min_codepoint=33, max_codepoint=126),
                min_size=len(sequence),
                max_size=len(sequence),
            )
        )
        # Wrapped FASTQ is also read; then a quality line must not begin with "@".
        cut = data.draw(st.integers(0, len(sequence)))
        wrapped = 0 < cut < len(sequence) and quality[cut] != "@"
        join = "\n" if wrapped else ""
        again = data.draw(st.sampled_from(["", identifier]))
        text += (
            f"@{identifier}\n{sequence[:cut]}{join}{sequence[cut:]}\n"
            f"+{again}\n{quality[:cut]}{join}{quality[cut:]}\n"
        )
    expected = [(title, sequence) for title, sequence, _ in FastqGeneralIterator(io.StringIO(text))]
    written = text.replace("\n", data.draw(st.sampled_from(ENDS))).encode()
    found = read(data.draw(containers(written)), tmp_path / "x")
    assert [(r.id, r.sequence) for r in found] == expected


cells = st.text(
    st.characters(codec="utf-8", exclude_characters="\r\0", exclude_categories=["Cs"]), max_size=12
)


@a_file
@given(
    data=st.data(),
    rows=st.lists(st.tuples(ids, cells, letters), max_size=6),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    delimiter=st.sampled_from(",;"),
)
def test_csv_is_read_as_the_csv_module_reads_it(data, rows, quoting, delimiter, tmp_path):
    """Quotes, delimiters and line ends in cells, and cells that pandas reads as missing."""
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=delimiter, quoting=quoting, lineterminator="\n")
    writer.writerow(["processid", "Country", "nucleotides"])
    writer.writerows(rows)
    text = stream.getvalue()
    expected = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))
    found = read(data.draw(containers(text.encode())), tmp_path / "x")
    assert [(r.id, r.fields["country"], r.sequence) for r in found] == [
        (row["processid"], row["Country"], row["nucleotides"].strip()) for row in expected
    ]
    # The line of a record is the first line of its row.
    lines = text.split("\n")
    for record in found:
        rest = io.StringIO("\n".join(lines[record.line - 1 :]), newline="")
        assert next(csv.reader(rest, delimiter=delimiter))[0] == record.id


@a_file
@given(
    rows=st.lists(
        st.tuples(
            ids,
            st.text(st.characters(codec="utf-8", exclude_categories=("C",)), max_size=12),
            letters,
        ),
        max_size=6,
    ),
    end=st.sampled_from(ENDS),
)
def test_quotes_have_no_meaning_in_a_tsv(rows, end, tmp_path):
    text = "id\tcountry\tnuc\n" + "".join("\t".join(row) + "\n" for row in rows)
    found = read(text.replace("\n", end), tmp_path / "x")
    assert [(r.id, r.fields["country"], r.sequence) for r in found] == [
        (i.replace(" ", "_"), country, sequence) for i, country, sequence in rows
    ]
    assert [r.line for r in found] == list(range(2, len(rows) + 2))


@pytest.mark.parametrize(
    "header, row, expected",
    [
        # BOLD's export and its older API, BIOSCAN-5M, CanadianInvertebrates.
        (
            "processid\tsampleid\tkingdom\tspecies\tnuc\tcountry/ocean",
            "A-1\tS1\tK\tS\tAC-G\tNA",
            ("A-1", "AC-G"),
        ),
        (
            "processid\trecordID\tspecies_name\tnucleotides",
            "A-1\t7\tApis mellifera\tACG",
            ("A-1", "ACG"),
        ),
        ("sampleid\torder\tnucraw", "B-2\tDiptera\tACG", ("B-2", "ACG")),
        ("sampleid,processid,dna_barcode,dna_bin", 'BIOUG1,"A,1",acgt,', ("A,1", "acgt")),
        ('"Processid","Nucleotides"', '"A ""1""","ACGT"', ('A_"1"', "ACGT")),
        ("\ufeffRecord_ID , Sequence", "r1,ACGT", ("r1", "ACGT")),
        ("genus;sequence", "Apis;ACGT", ("record_000001", "ACGT")),
        ("id\tsequence\tnuc", "r1\tAAA\tCCC", ("r1", "CCC")),
        ("#ID\tsequence", "None\tnan", ("None", "nan")),
    ],
)
def test_the_headers_of_common_sources_are_recognised(header, row, expected, tmp_path):
    (record,) = read(f"{header}\n{row}\n", tmp_path / "x")
    assert (record.id, record.sequence) == expected
    assert record.flags == (("no_id",) if record.id.startswith("record_") else ())


@pytest.mark.parametrize(
    "header, name",
    [
        ("sequenceID\tgenus\tnucleotides", "r1"),
        ("Sequence ID\tgenus\tDNA sequence", "r1"),
        ("#OTU ID\tgenus\tseq", "r1"),
        ("accession.version\tgenus\tsequence", "r1"),
        ('""\tgenus\tsequence', "r1"),  # R's write.csv
        ("voucher\tgenus\tsequence", "record_000001"),
    ],
)
def test_columns_are_recognised_by_any_usual_name(header, name, tmp_path):
    for delimiter in "\t,;":
        text = f"{header}\nr1\tApis\tACGT\n".replace("\t", delimiter)
        (record,) = read(text, tmp_path / "x")
        assert (record.id, record.sequence) == (name, "ACGT")


def test_columns_can_be_named(tmp_path):
    (tmp_path / "x").write_text("id,voucher,sequence,matK\n1,r1,AAAA,ACGT\n")
    columns = Columns(id="Voucher", sequence="matk")
    (record,) = read_records(tmp_path / "x", columns=columns)
    assert (record.id, record.sequence) == ("r1", "ACGT")
    for wrong, problem in [
        (Columns(id="vouchers"), "no column 'vouchers'; it has id, voucher, sequence, matk"),
        (Columns(sequence="rbcL"), "without a column of sequences, rbcL; .* has id, voucher, "),
    ]:
        with pytest.raises(InputError, match=f"x:1: .*{problem}"):
            list(read_records(tmp_path / "x", columns=wrong))


@pytest.mark.parametrize("head", ["id\tgenus\tnucs", "id,genus,species", "a;b;c"])
def test_a_table_without_sequences_is_an_error_with_its_columns(head, tmp_path):
    with pytest.raises(InputError, match="x:1: a table without a column of sequences, nucleotides"):
        read(f"{head}\ns1\tACGT\tx\n", tmp_path / "x")


@pytest.mark.parametrize("delimiter", ["\t", ",", ";"])
def test_two_columns_of_one_name_must_not_differ(delimiter, tmp_path):
    rows = [["ID", "nuc", "Nuc"], ["q1", "ACGT", ""], ["q2", "ACGT", "ACGT"], ["q3", "", "GGG"]]
    text = "".join(delimiter.join(cells) + "\n" for cells in rows)
    found = read(text, tmp_path / "x")
    assert [record.sequence for record in found] == ["ACGT", "ACGT", "GGG"]
    with pytest.raises(InputError, match="x:5: the table has two columns 'nuc', with 'A' and 'C'"):
        read(text + delimiter.join(["q4", "A", "C"]) + "\n", tmp_path / "x")


def test_a_table_with_quoted_cells_is_read_as_r_writes_it(tmp_path):
    rows = '"r1"\t"Apis \\"m\\" L."\t"ACGT"\n"r2"\tApis "m."\tAC\n'
    records = read('"id"\t"species"\t"nuc"\n' + rows, tmp_path / "x")
    assert [(r.id, r.fields["species"], r.sequence) for r in records] == [
        ("r1", 'Apis "m" L.', "ACGT"),
        ("r2", 'Apis "m."', "AC"),
    ]
    # Row names are a column without a header.
    named = "".join(f'"{i}"\t{row}\n' for i, row in enumerate(rows.splitlines(), 1))
    assert [
        (r.id, r.sequence) for r in read('"id"\t"species"\t"nuc"\n' + named, tmp_path / "y")
    ] == [("r1", "ACGT"), ("r2", "AC")]


def test_quotes_are_kept_in_a_table_that_is_read_as_written(tmp_path):
    (tmp_path / "x").write_text('id\tname\n"r1"\t"a"\n')
    for as_written, cells in [
        (True, {"id": '"r1"', "name": '"a"'}),
        (False, {"id": "r1", "name": "a"}),
    ]:
        with open_lines(tmp_path / "x") as (lines, _):
            _, rows = read_rows(lines, as_written=as_written)
            assert list(rows) == [(2, cells)]


def test_one_cell_that_begins_with_a_quoted_word_does_not_refuse_a_table(tmp_path):
    text = 'id,species,nuc\nr1,"Apis" mellifera,ACGT\nr2,Apis mellifera,AC\n'
    records = read(text, tmp_path / "x")
    assert [(r.id, r.fields["species"], r.line) for r in records] == [
        ("r1", "Apis mellifera", 2),
        ("r2", "Apis mellifera", 3),
    ]


def test_a_table_of_crabs_needs_no_header(tmp_path):
    ranks = "Eukaryota\tChordata\tActinopteri\tPerciformes\tFictidae\tFictus\tFictus_primus"
    bases = "ACGTTGCAGTCATGCAACGT" * 3
    for name in ("Fictus primus\t", ""):
        (record,) = read(f"XX000001\t{name}123456\t{ranks}\t{bases}\n", tmp_path / "x")
        assert (record.id, record.sequence, record.line) == ("XX000001", bases, 1)
        assert (record.fields["taxid"], record.fields["superkingdom"]) == ("123456", "Eukaryota")
        assert (record.fields["genus"], record.fields["species"]) == ("Fictus", "Fictus_primus")


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize(
    "lines, number, record",
    [
        ([">a", "ACGT", "", ">b", "AC", "A!GT", ">c"], 6, "b"),
        (["", "", "ACGT"], 3, None),
        ([">a", "ACGT", ">b>", "AC>GT"], 4, "b>"),
        ([">a", "ACGT", ">b\x07"], 3, None),
        ([">a", "ACGT", "", f">{'x' * 70_000}"], 4, None),
        (["", "@a", "ACGT", "+", "IIII", "@b", "AC!T", "+", "IIII"], 7, "b"),
        (["@a", "ACGT", "+", "IIII", "", "@b", "ACGT", "+", "III", "@c", "AC", "+", "II"], 6, None),
        (["@a", "ACGT", "+", "IIII", "@b", "ACGT"], 5, None),
        (["", "id,nuc", "a,ACGT", "", "b,ACGT,"], 5, None),
        (["id,x,nuc", 'a,"1', "2", '3",ACGT', "b,,AC!T"], 5, "b"),
        (["id,x,nuc", "a,1,ACGT", 'b,"1', "2", '3",AC!T'], 3, "b"),
        (["id,nuc", "a,ACGT", 'b,"ACGT', "c,ACGT"], 3, None),
        (["id\tnuc", "a\tACGT", "b\x1fc\tACGT"], 3, None),
    ],
)
def test_an_error_names_its_line(lines, number, record, end, tmp_path):
    with pytest.raises(InputError) as refused:
        read(end.join(lines) + end, tmp_path / "x")
    assert (refused.value.line, refused.value.record) == (number, record)
    assert str(refused.value).startswith(f"{tmp_path / 'x'}:{number}")


@a_file
@given(text=fasta_texts(), byte=st.sampled_from([b"\xff", b"\xe9", b"\xc3"]), data=st.data())
def test_an_undecodable_byte_is_an_error_with_its_line(text, byte, data, tmp_path):
    """The line is correct although decoders work on blocks."""
    heads = [n for n, line in enumerate(text.split("\n")) if line.startswith(">")]
    if not heads:
        return
    lines = text.encode().split(b"\n")
    at = data.draw(st.sampled_from(heads))
    lines[at] += b"Gr" + byte + b"sse"
    with pytest.raises(InputError, match=f"byte 0x{byte.hex()} is not utf-8 text") as refused:
        read(b"\n".join(lines), tmp_path / "x")
    assert refused.value.line == at + 1


def test_the_encoding_can_be_given(tmp_path):
    for name in ("utf-8", "UTF8", "utf_8"):
        assert read("\ufeff>Größe\nACGT\n", tmp_path / "x", encoding=name)[0].id == "Größe"
    assert read(">Größe\nA\n".encode("cp1252"), tmp_path / "x", encoding="cp1252")[0].id == "Größe"


@pytest.mark.parametrize("name", ["utf-16", "utf-32", "utf-32-be"])
def test_bytes_that_an_encoding_cannot_pass_through_are_an_error(name, tmp_path):
    with pytest.raises(InputError, match=f"x: is not {name} text; give the file's encoding"):
        read(b">a x\xe9\nACGTA\n", tmp_path / "x", encoding=name)


SMALL = "".join(f">r{i}\n{'ACGTTGCA' * (i % 5 + 1)}\n" for i in range(60)).encode()


def outcome(content: bytes, path: Path) -> list[str] | None:
    try:
        return [f"{r.id} {r.sequence}" for r in read(content, path)]
    except InputError as error:
        assert str(error).startswith(str(path))
        return None


@pytest.mark.parametrize("container", ["gzip", "bzip2", "xz"])
@pytest.mark.parametrize("streams", [1, 2])
def test_damage_to_a_container_loses_no_record(container, streams, tmp_path):
    """A truncated or changed container is an error or is read completely."""
    middle = len(SMALL) // 2
    parts = [SMALL] if streams == 1 else [SMALL[:middle], SMALL[middle:]]
    packed = [COMPRESS[container](part) for part in parts]
    whole = b"".join(packed)
    expected = outcome(SMALL, tmp_path / "x")
    assert outcome(whole, tmp_path / "x") == expected
    assert outcome(whole + bytes(1_024), tmp_path / "x") == expected
    assert outcome(whole + b"garbage", tmp_path / "x") is None
    step = max(1, len(whole) // 150)
    for cut in range(1, len(whole), step):
        if cut != len(packed[0]):  # a complete file by itself
            assert outcome(whole[:cut], tmp_path / "x") is None, cut
    for at in range(0, len(whole), step):
        changed = bytearray(whole)
        changed[at] ^= 0x10
        assert outcome(bytes(changed), tmp_path / "x") in (None, expected), at


@pytest.mark.filterwarnings("ignore::barcodeembed.errors.InputWarning")
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.binary(max_size=300)
    | st.text(max_size=100).map(str.encode)
    | st.lists(
        st.sampled_from(
            [
                b">",
                b"a",
                b"ACGT",
                b"\n",
                b"\r",
                b"@",
                b"+",
                b",",
                b'"',
                b"id\tnuc",
                b"id,nuc",
                b"\t",
                b";",
                b"\x00",
                b"\xff",
                b" ",
            ]
        ),
        max_size=30,
    ).map(b"".join)
)
def test_any_bytes_give_records_or_an_error_with_the_file(content, tmp_path):
    found = outcome(content, tmp_path / "x")
    for line in found or ():
        assert line.split(" ")[0].isprintable()


def test_memory_does_not_grow_with_the_file(tmp_path):
    """Only the first megabase of a chromosome is kept, on one line or on many lines."""
    with open(tmp_path / "x", "w") as stream:
        stream.write(">line\n" + "ACGTTGCA" * 1_500_000 + "\n>lines\n")
        stream.writelines("ACGTTGCAAC\n" for _ in range(300_000))
    tracemalloc.start()
    kept = [(r.id, len(r.sequence), r.length) for r in read_records(tmp_path / "x")]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert kept == [("line", 1_000_000, 12_000_000), ("lines", 1_000_000, 3_000_000)]
    assert peak < 12_000_000


def test_files_are_closed(tmp_path):
    (tmp_path / "a").write_text(">a;tax=g:Apis\nAC\n")
    (tmp_path / "b").write_text("id,nuc\nb,GT\n")
    found = chain_labelled([tmp_path / "a", tmp_path / "b"])
    assert [(r.id, r.sequence, taxa[-2]) for r, taxa in found] == [
        ("a", "AC", "Apis"),
        ("b", "GT", None),
    ]
    records = read_records(SIMULATED / "reference.fasta")
    assert next(records).id.startswith("SIM00001")
    records.close()  # with PYTHONDEVMODE=1 an open file would give a warning here


def test_comments_are_skipped_with_a_warning(tmp_path):
    with pytest.warns(InputWarning, match="read as comments"):
        assert [r.line for r in read(";a\n\n;b\n>s1\nAC\n", tmp_path / "x")] == [4]


@pytest.mark.parametrize(
    "path, problem",
    [
        (".", "is a directory; give a file"),
        ("missing.fa", "cannot be read: No such file or directory"),
        ("/proc/self/mem", "cannot be read: Input/output error"),
        ("x" * 300, "cannot be read: File name too long"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(path, problem):
    with pytest.raises(InputError) as refused:
        list(read_records(path))
    assert str(refused.value) == f"{path}: {problem}"


def test_real_tables_are_read_as_the_csv_module_reads_them(coi):
    path = coi / "mini" / "reference.tsv.gz"
    with gzip.open(path, "rt") as stream:
        expected = list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))
    found = list(read_records(path))
    assert len(found) == len(expected) == 3_008
    for number, (record, row) in enumerate(zip(found, expected, strict=True), 2):
        assert (record.id, record.sequence) == (row["record_id"], row.pop("nucleotides"))
        assert (record.fields, record.line) == (row, number)


_READS = b">a\nACGT\n"


@pytest.mark.parametrize(
    "content",
    [
        _READS,
        gzip.compress(_READS),
        gzip.compress(_READS)[:-9],
        bz2.compress(_READS)[:-9],
        lzma.compress(_READS),
        b"\x28\xb5\x2f\xfd",
        b"PK\x03\x04",
    ],
    ids=["plain", "gzip", "half gzip", "half bzip2", "xz", "zstandard", "zip"],
)
def test_the_file_below_a_container_is_closed_at_once(content, tmp_path, monkeypatch):
    """And not when it is no longer referred to, which would be later in some versions of Python."""
    opened = []
    peek = opening._peek

    def kept(raw):
        opened.append((raw, *peek(raw)))
        return opened[-1][1:]

    monkeypatch.setattr(opening, "_peek", kept)
    (tmp_path / "reads").write_bytes(content)
    with suppress(InputError):
        list(read_records(tmp_path / "reads"))
    assert opened and all(raw.closed for raw, *_ in opened)


def test_standard_input_that_is_closed_is_an_error(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(InputError, match="standard input: is closed; nothing can be read"):
        next(read_records("-"))


def test_zstandard_is_read_where_python_can(tmp_path, monkeypatch):
    """By a module of Python 3.14 or its backport, for which gzip stands here."""
    path = tmp_path / "reads.fa.zst"
    path.write_bytes(b"\x28\xb5\x2f\xfd")
    modules = {"backports.zstd": SimpleNamespace(ZstdFile=lambda _: io.BytesIO(b">a\nACGT\n"))}

    def find(name: str) -> SimpleNamespace:
        if name not in modules:
            raise ImportError(name)
        return modules[name]

    monkeypatch.setattr(opening.importlib, "import_module", find)
    assert [record.sequence for record in read_records(path)] == ["ACGT"]
    modules.clear()
    with pytest.raises(InputError, match="pip install backports.zstd"):
        next(read_records(path))


@pytest.mark.parametrize("compress", [bz2.compress, lzma.compress])
def test_padding_between_and_after_members_is_passed_over(compress, tmp_path, monkeypatch):
    monkeypatch.setattr(opening, "_CHUNK", 64)
    path = tmp_path / "reads.fa"
    padding = bytes(300)
    path.write_bytes(compress(b">a\nAC\n") + padding + compress(b">b\nGT\n") + padding)
    assert [record.sequence for record in read_records(path)] == ["AC", "GT"]
