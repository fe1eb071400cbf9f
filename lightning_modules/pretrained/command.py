"""`scoretap models` and `scoretap export`."""

from lightning_modules.path_commands import run_on_paths
from lightning_modules.pretrained.cards import card_text, table_text
from lightning_modules.pretrained.catalogue import entries, find_entry


def show_models(name: str | None = None) -> None:
    """List the models that have names, or print the card of one: data, licence, training, scores, limits.

    Args:
        name: the model; none lists all.

    Raises:
        InputError: there is no such model.
    """
    print(table_text(entries()) if name is None else card_text(find_entry(name)), end="\n" if name is None else "")


def models_command(args: list[str]) -> None:
    """`scoretap models [NAME]`: see :func:`show_models`.

    Raises:
        InputError: the arguments do not fit.
    """
    run_on_paths(show_models, args, "models", "name", "a model, for its card", nargs="?")


def export_command(args: list[str]) -> None:
    """`scoretap export CKPT --name NAME --card FACTS [--output FOLDER]`: see :func:`~.export.export`.

    Raises:
        InputError: the arguments do not fit.
    """
    from lightning_modules.pretrained.export import export

    run_on_paths(export, args, "export", "checkpoint", "of any model, or its run's folder", nargs=None)
