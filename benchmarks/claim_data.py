"""The barcodes of `claim.py`: packed into two files, and opened again without the tables.

A pack has the encoded corpus, the rows of the reference, the validation queries, their taxa, and
the positions of all of them in the marker. It can be taken to a machine that has neither the
tables nor FAISS, Biopython, pyfastx and edlib.
"""

from __future__ import annotations

import gzip
import lzma
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

import numpy as np

from barcodeembed.corpus.batches import cut_whole
from barcodeembed.corpus.corpus import LABELS, Corpus, digest_bases, open_corpus
from barcodeembed.model.config import ModelConfig
from barcodeembed.model.tokenizer import PAD, UNKNOWN
from barcodeembed.sequences.anchor import Anchor, MarkerPositions, encode_rows
from barcodeembed.sequences.bases import encode_bases

#: The queries of each split are named at this rank.
SPLITS = {"seen": "species", "unseen_species": "genus", "unseen_genus": "family"}

RANKS = ("family", "genus", "species", "bin")
CODES, ARRAYS, UNPACKED = "codes.xz", "claim.npz", "codes.u8"

#: Barcodes of complete BINs of unseen species that are clustered.
CLUSTERED = 3_000

_AT_ONCE = 2_048


@dataclass(frozen=True)
class Barcodes:
    """A pack: one corpus, in which reference and queries are rows.

    Attributes:
        corpus: All barcodes, with positions in the marker. Queries are neither trained on nor
            held out.
        anchor: The anchor that the positions are of.
        reference: The rows of the reference, (N,).
        queries: The rows of the queries of each split.
        clustered: The rows of the queries to cluster.
    """

    corpus: Corpus
    anchor: Anchor
    reference: np.ndarray
    queries: dict[str, np.ndarray]
    clustered: np.ndarray

    def taxa(self, rows: np.ndarray, rank: str) -> np.ndarray:
        """Return the number of the taxon of each row at a rank; -1 is unknown."""
        return self.corpus.labels[rows, LABELS.index(rank)]

    def corpus_for(self, config: ModelConfig) -> Corpus:
        """Return the corpus as a model reads it: with positions only if it is anchored."""
        return self.corpus if config.anchored else replace(self.corpus, marker_positions=None)


def pack(model: Path, tables: Path, out: Path, sample: int | None = None) -> None:
    """Write a pack from an anchored model, with its MODEL.training, and the folder of the tables.

    ``sample`` takes that many rows of the reference, and of every split a tenth of it.
    """
    from barcodeembed.evaluation.protocols.clusters import draw_bins
    from barcodeembed.model.bundle import load_model

    training = Path(f"{model}.training")
    corpus = open_corpus(training / "corpus", verify=False)
    anchor = load_model(str(model)).encoder.anchor
    assert anchor is not None
    (positions,) = training.glob("positions-*.npz")
    with np.load(positions) as arrays:
        located = MarkerPositions(**arrays)
    reference = list(_rows_of(tables / "reference.tsv.gz"))[:sample]
    rows, reference = _find(reference, training / "corpus")
    few = None if sample is None else sample // 10
    queries = {split: list(_rows_of(tables / f"val_{split}.tsv.gz"))[:few] for split in SPLITS}
    asked = [row for split in SPLITS for row in queries[split]]
    bases = _bases(asked)
    ours = [anchor.align(*encode_rows(_bases(part))) for part in _parts(asked)]
    unseen = [row["bin"] or None for row in queries["unseen_species"]]
    out.mkdir(exist_ok=True)
    if not (out / CODES).exists():
        (out / CODES).write_bytes(lzma.compress(np.asarray(corpus.codes).tobytes(), preset=4))
    np.savez_compressed(
        out / ARRAYS,
        starts=corpus.starts,
        lengths=corpus.lengths.astype(np.int32),
        held_out=corpus.held_out.astype(np.int32),
        reference=rows.astype(np.int32),
        labels=_number([*reference, *asked]),
        query_codes=encode_bases("".join(bases)),
        query_lengths=np.array([len(each) for each in bases]),
        counts=np.array([len(queries[split]) for split in SPLITS]),
        clustered=draw_bins(unseen, CLUSTERED, seed=0),
        anchor_positions=anchor.positions,
        anchor_weights=anchor.weights,
        anchor_length=anchor.length,
        **MarkerPositions.join([located, *ours]).columns(),
    )


def unpack(folder: Path, work: Path) -> None:
    """Write the base codes of a pack, so that processes can share them from the disk."""
    with lzma.open(folder / CODES) as packed, open(work / UNPACKED, "wb") as stream:
        while block := packed.read(1 << 24):
            stream.write(block)
        with np.load(folder / ARRAYS) as arrays:
            stream.write(arrays["query_codes"].tobytes())


@cache
def open_pack(folder: Path, work: Path) -> Barcodes:
    """Open a pack whose codes were unpacked to ``work``, once in each process."""
    with np.load(folder / ARRAYS) as found:
        arrays = dict(found)
    codes = np.memmap(work / UNPACKED, np.uint8, "r")
    known, asked = len(arrays["lengths"]), arrays["query_lengths"]
    begin = len(codes) - len(arrays["query_codes"])
    held_out = arrays["held_out"].astype(np.int64)
    reference = arrays["reference"].astype(np.int64)
    queries = known + np.arange(len(asked))
    labels = np.full((known + len(asked), len(LABELS)), -1, np.int32)
    columns = [LABELS.index(rank) for rank in RANKS]
    labels[np.r_[reference, queries][:, None], columns] = arrays["labels"]
    corpus = Corpus(
        codes,
        np.r_[arrays["starts"], begin + asked.cumsum() - asked],
        np.r_[arrays["lengths"], asked].astype(np.int64),
        labels,
        held_out=held_out,
        train=np.setdiff1d(np.arange(known), held_out),
        fingerprint="claim",
        summary={},
        marker_positions=MarkerPositions(
            *(arrays[name] for name in ("first_B", "counts_B", "bases_N", "shifts_N"))
        ),
    )
    anchor = Anchor(
        arrays["anchor_positions"], arrays["anchor_weights"], int(arrays["anchor_length"])
    )
    ends = arrays["counts"].cumsum()
    parts = dict(zip(SPLITS, np.split(queries, ends[:-1]), strict=True))
    clustered = parts["unseen_species"][arrays["clustered"].astype(np.int64)]
    return Barcodes(corpus, anchor, reference, parts, clustered)


def query_labels(folder: Path, split: str, rank: str) -> np.ndarray:
    """Return the number of the taxon of each query of a split; the codes are not needed."""
    with np.load(folder / ARRAYS) as arrays:
        labels = arrays["labels"][len(arrays["reference"]) :, RANKS.index(rank)]
        parts = np.split(labels, arrays["counts"].cumsum()[:-1])
    return parts[list(SPLITS).index(split)]


def clustered_queries(folder: Path) -> np.ndarray:
    """Return which queries of unseen species are clustered."""
    with np.load(folder / ARRAYS) as arrays:
        return arrays["clustered"].astype(np.int64)


@dataclass(frozen=True)
class Tokens:
    """The tokens of reference, queries and held-out barcodes, as a model embeds them.

    ``rows`` (N,) are rows of the corpus, in ascending order. ``kmers`` is int16 (N, tokens *
    merge), padded, and ``positions`` int16 (N, tokens).
    """

    rows: np.ndarray
    kmers: np.ndarray
    positions: np.ndarray

    def take(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the k-mers and positions of some rows."""
        at = np.searchsorted(self.rows, rows)
        return self.kmers[at], self.positions[at]


def tokenise(folder: Path, work: Path, name: str, config: ModelConfig, processes: int) -> None:
    """Cut all barcodes to be scored into tokens, once for all runs of a condition."""
    barcodes = open_pack(folder, work)
    rows = np.unique(
        np.r_[barcodes.reference, barcodes.corpus.held_out, *barcodes.queries.values()]
    )
    parts = [rows[start : start + _AT_ONCE] for start in range(0, len(rows), _AT_ONCE)]
    cut = partial(_cut, folder, work, config)
    with ProcessPoolExecutor(processes) as pool:
        kmers, positions = zip(*pool.map(cut, parts), strict=True)
    np.save(work / f"{name}-rows.npy", rows)
    np.save(work / f"{name}-kmers.npy", np.concatenate(kmers))
    np.save(work / f"{name}-positions.npy", np.concatenate(positions))


def open_tokens(work: Path, name: str) -> Tokens:
    """Open what `tokenise` wrote."""
    return Tokens(
        *(np.load(work / f"{name}-{part}.npy") for part in ("rows", "kmers", "positions"))
    )


def _cut(
    folder: Path, work: Path, config: ModelConfig, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    corpus = open_pack(folder, work).corpus_for(config)
    tokens_BT, positions_BT, _ = cut_whole(
        corpus, rows, config.tokenizer, config.max_tokens, config.merge
    )
    kmers = np.full((len(rows), config.max_tokens * config.merge), PAD, np.int16)
    positions = np.zeros((len(rows), config.max_tokens), np.int16)
    kmers[:, : tokens_BT.shape[1]] = tokens_BT
    positions[:, : positions_BT.shape[1]] = positions_BT
    # A barcode that could not be located in the marker is one unknown token.
    kmers[(kmers == PAD).all(1), : config.merge] = UNKNOWN
    return kmers, positions


def _rows_of(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        header = next(stream).rstrip("\n").split("\t")
        for line in stream:
            yield dict(zip(header, line.rstrip("\n").split("\t"), strict=True))


def _bases(rows: list[dict[str, str]]) -> list[str]:
    return [row["nucleotides"].upper().strip("N") for row in rows]


def _parts(rows: list[dict[str, str]], size: int = 2_000) -> Iterator[list[dict[str, str]]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _find(reference: list[dict[str, str]], corpus: Path) -> tuple[np.ndarray, list[dict[str, str]]]:
    """Return the rows of the reference in the corpus, and the records that it has."""
    digests = np.load(corpus / "digests.npy")[np.load(corpus / "rows.npy")]
    at = {int(digest): row for row, digest in enumerate(digests)}
    found = [at.get(digest_bases(bases), -1) for bases in _bases(reference)]
    kept = [(row, record) for row, record in zip(found, reference, strict=True) if row >= 0]
    return np.array([row for row, _ in kept]), [record for _, record in kept]


def _number(records: list[dict[str, str]]) -> np.ndarray:
    """Number the taxa of each rank by their names, int32 (N, RANKS); -1 is unknown."""
    columns = []
    for rank in RANKS:
        names = np.array([record[rank] for record in records])
        unique, numbers = np.unique(names, return_inverse=True)
        columns.append(np.where(names == "", -1, numbers))
    return np.column_stack(columns).astype(np.int32)
