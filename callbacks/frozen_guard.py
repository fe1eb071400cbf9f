"""A callback that checks during training that frozen parameters stay as they are."""

from lightning.pytorch import Callback, LightningModule, Trainer

from lightning_modules.checkpoints.reading import fingerprint


class FrozenGuard(Callback):
    """Fails the run when a tensor of the module's ``frozen`` part changes, has a gradient, or leaves evaluation mode.

    Checked at every epoch's end by SHA-256 of each parameter and buffer. Where a module's ``backbone_mode`` is
    ``fine-tuned``, parameters that ask for gradients when training starts are not checked.
    """

    def __init__(self) -> None:
        self._expected: dict[str, str] = {}
        self._tuned: set[str] = set()  # names of parameters that are fine-tuned

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        frozen = getattr(pl_module, "frozen", None)
        if frozen is not None and getattr(pl_module, "backbone_mode", "frozen") == "fine-tuned":
            self._tuned = {name for name, p in frozen.named_parameters() if p.requires_grad}
        self._expected = _hashes(pl_module, self._tuned)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        current = _hashes(pl_module, self._tuned)
        if changed := [name for name in self._expected if current.get(name) != self._expected[name]]:
            raise RuntimeError(
                f"frozen tensor {changed[0]!r} changed during training ({len(changed)} of {len(current)} did): "
                "an optimizer, a callback or a hook writes to the frozen classifier"
            )
        frozen = getattr(pl_module, "frozen", None)
        if frozen is None:
            return
        guarded = {name: p for name, p in frozen.named_parameters() if name not in self._tuned}
        if touched := [name for name, p in guarded.items() if p.grad is not None or p.requires_grad]:
            raise RuntimeError(f"frozen parameter {touched[0]!r} collects gradients: it must have requires_grad false")
        if any(module.training for module in frozen.modules()):
            raise RuntimeError("the frozen classifier left evaluation mode: something calls train() on its parts")


def _hashes(pl_module: LightningModule, left_out: set[str]) -> dict[str, str]:
    frozen = getattr(pl_module, "frozen", None)
    if frozen is None:
        return {}
    tensors = {**dict(frozen.named_parameters()), **dict(frozen.named_buffers())}
    return {name: fingerprint({name: tensor}) for name, tensor in tensors.items() if name not in left_out}
