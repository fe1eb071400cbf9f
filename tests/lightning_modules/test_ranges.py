"""Intervals, and the one sentence about a number outside its own."""

import pytest

from lightning_modules.errors import InputError
from lightning_modules.ranges import check_ranges, parse_number, parse_whole, read_interval

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("interval", "inside", "outside"),
    [
        ("(0, inf)", [1e-9, 1, 1e30], [0, -1, INF, NAN, 1e300, 10**400, True, "1", None]),
        ("[0, 1)", [0, 0.5], [1, -0.1, NAN]),
        ("[1, 100000]", [1, 100000], [0, 100001, 10**12]),
        ("(-inf, inf)", [-1e30, 0], [-1e300, NAN, INF, -INF]),
    ],
)
def test_what_an_interval_holds(interval, inside, outside):
    read = read_interval(interval)
    assert all(value in read for value in inside)
    for value in outside:
        if value is not None:
            with pytest.raises(InputError, match="size must be"):
                check_ranges(size=(value, interval))
    check_ranges(size=(None, interval))


@pytest.mark.parametrize(
    ("interval", "words"),
    [
        ("(0, inf)", "above 0 and finite"),
        ("[0, 1)", "at least 0 and below 1"),
        ("(0, 1]", "above 0 and at most 1"),
        ("[1, 100000]", "at least 1 and at most 100,000"),
        ("(-inf, inf)", "finite"),
    ],
)
def test_an_interval_in_words(interval, words):
    assert str(read_interval(interval)) == words


def test_the_sentence_names_setting_and_value():
    with pytest.raises(InputError, match=r"^decay of EMA must be at least 0 and below 1, got nan: correct decay$"):
        check_ranges("EMA", decay=(NAN, "[0, 1)"))
    with pytest.raises(InputError, match=r"betas must be at least 0 and below 1, got 1\.5"):
        check_ranges(betas=((0.9, 1.5), "[0, 1)"))
    with pytest.raises(InputError, match="empty list"):
        check_ranges(widths=([], "[1, 9]"))


@pytest.mark.parametrize("text", ["1_0", "٣", "²", "-1", "+1", "1.0", "", " 1", "1e3", "0x1", "9" * 5000])
def test_a_whole_number_has_plain_digits(text):
    with pytest.raises(ValueError):
        parse_whole(text)


@pytest.mark.parametrize("text", ["1_0.5", "٣.5", "nan", "inf", "-inf", "", "one"])
def test_a_number_is_plain_and_finite(text):
    with pytest.raises(ValueError):
        parse_number(text)


def test_plain_numbers():
    assert parse_whole("0012") == 12 and parse_number("3.5") == 3.5 and parse_number("-1e3") == -1000.0
