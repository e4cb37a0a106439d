"""QIIME 2 artifacts (.qza): zip archives that contain one FASTA file or one taxonomy."""

from __future__ import annotations

import os
import zipfile
from typing import IO

from barcodeembed.errors import InputError

#: The data files of the artifacts FeatureData[Sequence] and FeatureData[Taxonomy].
MEMBERS = ("dna-sequences.fasta", "taxonomy.tsv")

#: A file that unpacks to more bytes than this, and to this many times its size, is refused: it is
#: probably a zip bomb.
_MAX_BYTES, _MAX_RATIO = 1 << 30, 200


def open_artifact(path: str | os.PathLike[str]) -> IO[bytes]:
    """Open the sequences or the taxonomy in an artifact, without unpacking it to disk.

    Raises InputError if the archive is damaged, is not such an artifact, or would unpack to far
    more bytes than it has.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            member = _member(archive, path)
            if member.file_size > max(_MAX_BYTES, _MAX_RATIO * member.compress_size):
                raise InputError(
                    f"{member.filename} in it would unpack from {member.compress_size:,} to "
                    f"{member.file_size:,} bytes; if this is expected, extract it yourself",
                    path,
                )
            return archive.open(member)  # keeps the file open
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        # NotImplementedError: unsupported compression. RuntimeError: an encrypted file.
        raise InputError(f"this zip archive cannot be read: {error}", path) from None


def _member(archive: zipfile.ZipFile, path: str | os.PathLike[str]) -> zipfile.ZipInfo:
    """Return the only member named ``<uuid>/data/`` and one of MEMBERS."""
    candidates = [
        member
        for member in archive.infolist()
        if (parts := member.filename.split("/"))[1:-1] == ["data"] and parts[-1] in MEMBERS
    ]
    if len(candidates) != 1:
        raise InputError(
            "a zip archive (a .qza, .xlsx or .zip?) that does not contain exactly one "
            f"data/{' or data/'.join(MEMBERS)}, as a QIIME 2 artifact does; "
            "extract the file first",
            path,
        )
    return candidates[0]
