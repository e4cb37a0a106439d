"""The simulated samples of the tutorial."""

from __future__ import annotations

import importlib.util
from random import Random

from support import REPOSITORY

from barcodeembed.sequences.cleaning import reverse_complement

SPEC = importlib.util.spec_from_file_location(
    "simulate_samples", REPOSITORY / "data" / "simulate_samples.py"
)
simulate_samples = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(simulate_samples)


def test_samples_have_what_the_tutorial_says():
    samples = simulate_samples.make_samples(Random(0))
    assert list(samples) == ["lake", "pond", "stream", "blank"]
    assert simulate_samples.make_samples(Random(0)) == samples
    canonical = {
        sample: {name.partition(";")[0]: min(b, reverse_complement(b)) for name, b in reads}
        for sample, reads in samples.items()
    }
    for sample in ("lake", "pond", "stream"):
        kinds = canonical[sample]
        assert {"chimera", "pseudogene", "spike", "carry_over"} < kinds.keys()
        assert sum(name.startswith("n") for name in kinds) == 8
        assert kinds["carry_over"] == canonical["blank"]["carry_over"]
        strands = [bases == min(bases, reverse_complement(bases)) for _, bases in samples[sample]]
        assert 0.2 < sum(strands) / len(strands) < 0.8
        assert {len(b) for n, b in samples[sample]} == {312, 313}
    assert set(canonical["lake"].values()) & set(canonical["pond"].values())
