"""`scoretap models` lists the models that have names, and prints their cards."""

from lightning_modules.checkpoints.cards import card_text, table_text
from lightning_modules.checkpoints.catalogue import entries, find_entry


def show_models(name: str | None = None) -> None:
    """List the models that have names, or print the card of one: data, licence, training, scores, limits.

    Args:
        name: the model; none lists all.

    Raises:
        InputError: there is no such model.
    """
    print(table_text(entries()) if name is None else card_text(find_entry(name)), end="\n" if name is None else "")
