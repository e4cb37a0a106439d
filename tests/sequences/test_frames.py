"""How near codons are to a stop codon, against Biopython's tables."""

from __future__ import annotations

import random

import numpy as np
import pytest
from Bio.Data import CodonTable

from barcodeembed.sequences.bases import encode_bases
from barcodeembed.sequences.frames import stop_risks


@pytest.mark.parametrize("genetic_code", [1, 2, 5, 11])
def test_the_risk_of_a_codon_is_a_third_of_its_substitutions_that_make_a_stop(genetic_code):
    bases = "".join(random.Random(0).choices("ACGT", k=300)) + "NACG"
    stops = CodonTable.unambiguous_dna_by_id[genetic_code].stop_codons
    codons = [bases[i : i + 3] for i in range(len(bases) - 2)]
    expected = [
        sum(
            codon[:i] + base + codon[i + 1 :] in stops
            for i in range(3)
            for base in "ACGT"
            if "N" not in codon and base != codon[i]
        )
        / 3
        for codon in codons
    ]
    found = stop_risks(encode_bases(bases)[None], genetic_code)
    np.testing.assert_allclose(found, [expected], rtol=1e-12)
