"""The names that a corpus in the layout of Speech Commands is made of."""

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SUFFIXES = (".wav", ".flac")
LISTS = {"val": "validation_list.txt", "test": "testing_list.txt"}
HELD_OUT = "held_out_list.txt"  # clips of the training speakers that nothing trains on: for a test of memorisation


def stem_of(path: str) -> str:
    """A path without the suffix of a recording; any other suffix stays."""
    stem, dot, suffix = path.rpartition(".")
    return stem if dot and f".{suffix.lower()}" in SUFFIXES else path


def shown(name: object) -> str:
    r"""A name that can be printed: bytes that are no UTF-8 become ``\xff``."""
    return str(name).encode(errors="surrogateescape").decode(errors="backslashreplace")
