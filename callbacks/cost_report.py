"""A callback that reports what a network evaluation costs, before training starts."""

from lightning.pytorch import Callback, LightningModule, Trainer

from lightning_modules.bases.generator import Generator
from lightning_modules.networks.cost import count_gmacs, count_parameters


class CostReport(Callback):
    """Prints and logs parameters (total and trained) and GMACs per network evaluation of one clip.

    Backward passes for gradient taps and guidance are counted, as in the paper's Table 1. Set
    ``trainer.enable_model_summary: false`` beside it.
    """

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.is_global_zero:
            return
        facts = cost_of(pl_module)
        lines = [f"  {name.removeprefix('cost/'):<28} {value:>10.4g}" for name, value in facts.items()]
        print(f"{type(pl_module).__name__}\n" + "\n".join(lines))
        for logger in trainer.loggers:
            logger.log_hyperparams(facts)


def cost_of(pl_module: LightningModule) -> dict[str, float]:
    """Count millions of parameters, and GMACs per step, of a module."""
    count = count_parameters(pl_module)
    facts = {"cost/parameters_million": count.total / 1e6, "cost/trained_million": count.trainable / 1e6}
    was_training = pl_module.training
    pl_module.eval()
    facts["cost/gmacs_per_step"] = count_gmacs(pl_module.cost_probe(), 1)
    if isinstance(pl_module, Generator) and pl_module.guided_labels():
        facts["cost/gmacs_per_guided_step"] = count_gmacs(pl_module.cost_probe(guidance_scale=1.0), 1)
    pl_module.train(was_training)
    return facts
