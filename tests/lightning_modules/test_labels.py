"""Labels as numbers and as text."""

import pytest

from lightning_modules.errors import InputError
from lightning_modules.labels import NO_LABEL, format_label, parse_label


@pytest.mark.parametrize("label", [NO_LABEL, *range(10)])
def test_a_label_survives_the_cell_of_a_table(label):
    assert parse_label(format_label(label)) == label


def test_no_label_is_an_empty_cell_or_any():
    assert format_label(NO_LABEL) == ""
    assert parse_label("any") == parse_label(" ") == NO_LABEL


@pytest.mark.parametrize("text", ["10", "-1", "x", "3.0", "three"])
def test_other_texts_are_refused(text):
    with pytest.raises(InputError, match="a digit 0 to 9 or nothing as label in r.csv, line 3"):
        parse_label(text, "r.csv, line 3")
