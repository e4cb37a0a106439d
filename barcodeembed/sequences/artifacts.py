"""QIIME 2 artifacts (.qza): zip archives that hold one FASTA or one taxonomy among other things."""

from __future__ import annotations

import os
import zipfile
from typing import BinaryIO

from barcodeembed.errors import InputError

#: The files that are read, of the artifacts FeatureData[Sequence] and FeatureData[Taxonomy].
MEMBERS = ("dna-sequences.fasta", "taxonomy.tsv")

#: What unpacks to more bytes than this, and to so many times its own, was made to fill a machine.
_LARGE, _FOLD = 1 << 30, 200


def open_artifact(path: str | os.PathLike[str]) -> BinaryIO:
    """Open the sequences or the taxonomy in an artifact; nothing is unpacked to disk.

    Raises InputError where the archive is damaged, is no such artifact, or would unpack to far
    more than it holds.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            member = _member(archive, path)
            if member.file_size > max(_LARGE, _FOLD * member.compress_size):
                raise InputError(
                    f"{member.filename} in it would unpack from {member.compress_size:,} to "
                    f"{member.file_size:,} bytes; extract it yourself if that is right",
                    path,
                )
            return archive.open(member)  # type: ignore[return-value]  # keeps the file open
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        # NotImplementedError: a compression unknown here; RuntimeError: an encrypted file.
        raise InputError(f"a zip archive that cannot be read: {error}", path) from None


def _member(archive: zipfile.ZipFile, path: str | os.PathLike[str]) -> zipfile.ZipInfo:
    """Find the file that is ``<uuid>/data/`` and one of MEMBERS."""
    found = [
        member
        for member in archive.infolist()
        if (parts := member.filename.split("/"))[1:-1] == ["data"] and parts[-1] in MEMBERS
    ]
    if len(found) != 1:
        raise InputError(
            "a zip archive (a .qza, .xlsx or .zip?) without the one "
            f"data/{' or data/'.join(MEMBERS)} of a QIIME 2 artifact; extract the file first",
            path,
        )
    return found[0]
