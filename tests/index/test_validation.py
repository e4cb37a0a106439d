"""Every field of the settings of an index is checked when the index is opened."""

from __future__ import annotations

import json

import pytest

from barcodeembed.index.validation import check_settings
from barcodeembed.shipped import shipped_index

SETTINGS = json.loads((shipped_index("COI") / "config.json").read_text())


def test_the_settings_that_ship_are_valid():
    check_settings(SETTINGS)


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("value", [[[]], float("nan")])
def test_a_field_of_another_type_is_named(name, value):
    with pytest.raises(ValueError, match=rf"^{name}\b|embedder|precision"):
        check_settings(SETTINGS | {name: value})


@pytest.mark.parametrize("value", ["no", 0, 1, None])
def test_kmers_for_all_is_true_or_false(value):
    with pytest.raises(ValueError, match="kmers_for_all is .*; expected bool"):
        check_settings(SETTINGS | {"kmers_for_all": value})
