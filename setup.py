"""Give the description of the package links that work on an index of packages.

Everything else is in pyproject.toml.
"""

import re
from pathlib import Path

from setuptools import setup

SITE = "https://github.com/barcodeembed/barcodeembed"
#: The target of a link, with the mark of an image, if it is in the repository.
RELATIVE = re.compile(r"(!?)(\[[^]]*\])\((?!https?://)([^)]+)\)")


def absolute(link: re.Match[str]) -> str:
    """Return a link to the page or the image on the site of the repository."""
    mark, text, target = link.groups()
    path = f"README.md{target}" if target.startswith("#") else target
    return f"{mark}{text}({SITE}/{'raw' if mark else 'blob'}/main/{path})"


readme = Path(__file__).with_name("README.md").read_text(encoding="utf-8")
setup(
    long_description=RELATIVE.sub(absolute, readme),
    long_description_content_type="text/markdown",
)
