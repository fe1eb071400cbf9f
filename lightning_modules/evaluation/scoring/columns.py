"""Lists the columns of a row of scores: what each may hold, its name, and how it is written."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

LARGEST_GAP = 0.1  # of accuracies: where the guide is further ahead, guidance made patterns rather than digits
# Below it the bias of a Fréchet distance, about as 1/N, is no longer small: the benchmark's number of clips.
FEW_CLIPS = 2048
KINDS = ("model", "folder", "anchor", "floor")
NUMBER, TEXT, DIGITS, DESCRIPTION, ANY = "number", "text", "digits", "description", "any"
MORE, LESS = "↑", "↓"  # what is better
INTERVAL, ERROR = ("_low", "_high"), ("_error",)
BESIDE = (*INTERVAL, *ERROR)


@dataclass(frozen=True)
class Column:
    """One column of the table."""

    key: str  # name in files and on the command line
    value: str = NUMBER  # what it holds; values of the kind ANY are passed on unchecked
    heading: str = ""  # name in tables of documents, without arrow; empty where they do not show it
    name: str = ""  # name at an axis, where that is another
    of: str = ""  # what the figure is about, behind the arrow
    better: str = ""  # MORE, LESS, or empty where a reader has to judge
    form: str = ".4g"  # format in documents; empty for four digits, or whole numbers above a hundred
    printed: str = ".3f"  # format of a figure in a terminal
    scale: float = 1.0  # factor of the figure in documents, 100 for percent
    # Endings of the columns that say how sure the figure is: ends of a 95 % interval, or a standard error.
    beside: tuple[str, ...] = ()
    shows_beside: bool = True  # whether tables of documents show these
    is_cost: bool = False  # whether axes are logarithmic

    @property
    def title(self) -> str:
        """Heading with the arrow: ``accuracy, % ↑: seen digits``."""
        return f"{self.heading} {self.better}".strip() + (f": {self.of}" if self.of else "")


_ACCURACY = Column("accuracy", heading="accuracy, %", better=MORE, form=".1f", printed=".1%", scale=100.0,
                   beside=INTERVAL)  # fmt: skip
# What the evaluator and external metrics find.
FIGURE_COLUMNS = (
    _ACCURACY,
    replace(_ACCURACY, key="accuracy_seen", of="seen digits"),
    replace(_ACCURACY, key="accuracy_unseen", of="unseen digits"),
    replace(_ACCURACY, key="guide_accuracy", heading="guide accuracy, %", better="", beside=()),
    Column("confidence", heading="confidence", form=".3f", beside=INTERVAL),
    Column("diversity", heading="diversity", form=".2f", beside=INTERVAL),
    Column("is", heading="IS", better=MORE, form=".2f", beside=INTERVAL),
    Column("is_bench"),
    Column("mis", heading="mIS", better=MORE, form=".1f", beside=INTERVAL, shows_beside=False),
    Column("mis_bench"),
    Column("fid", heading="FID", better=LESS, form=".3f", beside=ERROR),
    Column("kid", heading="KID", better=LESS, form=".5f", printed=".5f", beside=BESIDE),
    Column("am", heading="AM", better=LESS, form=".3f", beside=INTERVAL, shows_beside=False),
    Column("ndb", printed=".2f"),
    Column("nearest_ratio", heading="nearest ratio", form=".2f", printed=".2f"),
    replace(_ACCURACY, key="memorised", heading="memorised, %", better=LESS),
    replace(_ACCURACY, key="manifold_precision", heading="precision, %"),
    replace(_ACCURACY, key="manifold_recall", heading="recall, %"),
    Column("manifold_density", heading="density", better=MORE, form=".2f", printed=".2f", beside=INTERVAL),
    replace(_ACCURACY, key="manifold_coverage", heading="coverage, %"),
    Column("fad", heading="FAD", better=LESS, form=".2f", beside=ERROR, shows_beside=False),
    Column("scoreq", heading="ScoreQ", better=MORE, form=".2f", beside=INTERVAL, shows_beside=False),
    Column("distillmos", heading="DistillMOS", better=MORE, form=".2f", beside=INTERVAL, shows_beside=False),
    Column("dnsmos", heading="DNSMOS", better=MORE, form=".2f", beside=INTERVAL, shows_beside=False),
    Column(
        "pocketsphinx", heading="PocketSphinx, %", better=MORE, form=".1f", printed=".1%", scale=100.0, beside=INTERVAL
    ),
    Column("voice_spread", heading="voice spread", form=".3f", beside=ERROR),
    Column("voice_nearest", heading="nearest voice", form=".3f", beside=INTERVAL, shows_beside=False),
)
# What was scored, and how it came to be.
FACT_COLUMNS = (
    Column("kind", TEXT),
    Column("corpus", TEXT),
    Column("labels", DIGITS),
    Column("evaluator_accuracy"),
    Column("model", TEXT),
    Column("parameters_million", heading="parameters, M: total [trained]"),
    Column("trained_million"),
    Column("gmacs_per_step", heading="GMACs/step", form="", is_cost=True),
    Column("nfe", heading="evaluations", name="network evaluations", form="", is_cost=True),
    Column("gmacs_per_sample", heading="GMACs/sample", name="GMACs per sample", form="", is_cost=True),
    Column("seconds_per_sample", heading="s/sample", form=".3g", is_cost=True),
    Column("peak_memory_gb", heading="peak GB", form=".2f"),
    Column("device", ANY),
    Column("precision", ANY),
    Column("guidance_scale", name="guidance scale γ"),
    Column("guidance", DESCRIPTION),
    Column("sampler", DESCRIPTION),
    Column("time_grid", DESCRIPTION),
    Column("num_steps", name="steps", is_cost=True),
    Column("seed", ANY),
    Column("vocoder", DESCRIPTION),
    Column("training_labels", DIGITS),
    Column("training_fraction", name="share of the training data"),
    Column("training_steps", is_cost=True),
    Column("training_batch_size"),
    Column("test_loss", ANY),
    Column("checkpoint", TEXT),
    Column("commit", ANY),
)
TABLE = {
    column.key: column
    for column in (
        Column("name", TEXT, heading="model"),
        Column("count", ANY, heading="N"),
        *FIGURE_COLUMNS,
        *FACT_COLUMNS,
        Column("reference_count"),
        Column("evaluator", TEXT),
        Column("notes", ANY),
    )
}
# Columns of a document's table, in its order.
SHOWN = (
    "name", "count", "parameters_million", "gmacs_per_step", "nfe", "gmacs_per_sample", "seconds_per_sample",
    "peak_memory_gb", "scoreq", "distillmos", "dnsmos", "fad", "fid", "kid", "is", "mis", "am", "accuracy",
    "accuracy_seen", "accuracy_unseen", "guide_accuracy", "pocketsphinx", "confidence", "diversity",
    "nearest_ratio", "memorised", "manifold_precision", "manifold_recall", "manifold_density", "manifold_coverage",
    "voice_spread", "voice_nearest",
)  # fmt: skip
MEASURES = tuple(column.key for column in FIGURE_COLUMNS)


def column_keys(columns: Iterable[Column]) -> tuple[str, ...]:
    """List keys in the order of a file, each followed by those of its interval or error."""
    return tuple(column.key + ending for column in columns for ending in ("", *column.beside))


FIGURES, FACTS, COLUMNS = map(column_keys, (FIGURE_COLUMNS, FACT_COLUMNS, TABLE.values()))
NUMBERS = tuple(key for column in TABLE.values() if column.value == NUMBER for key in column_keys([column]))
