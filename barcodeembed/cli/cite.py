"""``barcodeembed cite``: how to cite the program and its method."""

from __future__ import annotations

from typing import Annotated

import typer

from barcodeembed import __version__

_TEXT = """\
The barcodeembed developers. barcodeembed: name DNA barcodes of known and new taxa. Version
{version}. https://github.com/barcodeembed/barcodeembed

Safari M, Millan Arias P, Lowe SC, Kari L, Chang AX, Taylor GW (2025). Enhancing DNA Foundation
Models to Address Masking Inefficiencies. arXiv 2502.18405. https://arxiv.org/abs/2502.18405
"""

_BIBTEX = """\
@software{{barcodeembed,
  title = {{barcodeembed: name DNA barcodes of known and new taxa}},
  author = {{{{The barcodeembed developers}}}},
  version = {{{version}}},
  url = {{https://github.com/barcodeembed/barcodeembed}}
}}

@article{{safari2025barcodemae,
  title = {{Enhancing DNA Foundation Models to Address Masking Inefficiencies}},
  author = {{Safari, Monireh and Millan Arias, Pablo and Lowe, Scott C. and Kari, Lila and
    Chang, Angel X. and Taylor, Graham W.}},
  year = {{2025}},
  journal = {{arXiv}},
  eprint = {{2502.18405}},
  url = {{https://arxiv.org/abs/2502.18405}}
}}
"""


def cite(
    bibtex: Annotated[bool, typer.Option("--bibtex", help="Print BibTeX entries.")] = False,
) -> None:
    """Print how to cite barcodeembed and the method that its model follows.

    \b
    Examples:
      barcodeembed cite
      barcodeembed cite --bibtex >> references.bib

    Cite the reference library too: its version or date determines the names.
    """
    print((_BIBTEX if bibtex else _TEXT).format(version=__version__), end="")
