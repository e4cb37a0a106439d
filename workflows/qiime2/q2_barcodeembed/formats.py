"""Formats of a bundle (an index or a model) and of the rows of classify."""

import hashlib
import json

import pandas as pd
import qiime2
from qiime2.plugin import ValidationError, model

_LEADING = ["query_id", "status", "novel_rank", "rank", "taxon", "confidence"]


class JSONFormat(model.TextFileFormat):
    """An object of JSON."""

    def _validate_(self, level):
        self.content()

    def content(self) -> dict:
        """Return the object."""
        try:
            with self.open() as stream:
                return dict(json.load(stream))
        except (ValueError, TypeError):
            raise ValidationError(f"{self.path.name} is not an object of JSON.") from None


class BundleFileFormat(model.BinaryFileFormat):
    """A file of a bundle. The bundle knows its size and checksum."""

    def _validate_(self, level):
        pass


class _BundleDirectoryFormat(model.DirectoryFormat):
    """A directory with a manifest. A subclass has the ``kind`` of bundle."""

    kind = ""
    manifest = model.File(r"manifest\.json", format=JSONFormat)
    content = model.FileCollection(r"(?!manifest\.json$).+", format=BundleFileFormat)

    @content.set_path_maker
    def content_path(self, name):
        return name

    def _validate_(self, level):
        manifest = JSONFormat(str(self.path / "manifest.json"), mode="r").content()
        kind = manifest.get("kind")
        if kind != self.kind:
            raise ValidationError(f"It is of the kind {kind!r}, not {self.kind!r}.")
        for name, expected in manifest.get("files", {}).items():
            path = self.path / name
            if not path.is_file():
                raise ValidationError(f"The file {name} is missing.")
            if path.stat().st_size != expected["bytes"]:
                raise ValidationError(f"The file {name} is damaged: it has another size.")
            if level == "max" and _sha256(path) != expected["sha256"]:
                raise ValidationError(f"The file {name} is damaged: it has another checksum.")


def _sha256(path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


class BarcodeIndexDirectoryFormat(_BundleDirectoryFormat):
    """An index bundle, made by ``barcodeembed index build``."""

    kind = "index"


class BarcodeModelDirectoryFormat(_BundleDirectoryFormat):
    """A model bundle, made by ``barcodeembed pretrain``."""

    kind = "model"


class BarcodeNamesFormat(model.TextFileFormat):
    """The table of ``barcodeembed classify``."""

    def _validate_(self, level):
        with self.open() as stream:
            header = stream.readline().rstrip("\n").split("\t")
            if header[: len(_LEADING)] != _LEADING:
                raise ValidationError("Its columns are not those of barcodeembed classify.")
            for number, line in enumerate(stream, 2):
                if line.count("\t") != len(header) - 1:
                    raise ValidationError(f"Line {number} has another number of cells.")
                if level == "min" and number > 5:
                    break


class BarcodeNamesDirectoryFormat(model.DirectoryFormat):
    """The table of classify, and its description of the run."""

    names = model.File("names.tsv", format=BarcodeNamesFormat)
    run = model.File("run.json", format=JSONFormat)


def names_to_metadata(names: BarcodeNamesDirectoryFormat) -> qiime2.Metadata:
    """Return the rows as metadata of features: numbers where a column has nothing else."""
    rows = pd.read_csv(
        str(names.path / "names.tsv"),
        **{"sep": "\t", "dtype": str, "quoting": 3, "keep_default_na": False, "na_values": ["NA"]},
    )
    rows = rows.rename(columns={"query_id": "feature-id"}).set_index("feature-id")
    for name in rows:
        numbers = pd.to_numeric(rows[name], errors="coerce")
        if numbers.notna().equals(rows[name].notna()):
            rows[name] = numbers.astype(float)
    return qiime2.Metadata(rows)
