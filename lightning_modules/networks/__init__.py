"""Networks: the classifier that becomes the backbone, the U-Net baseline, and the trained part, the Score Subnet."""

from lightning_modules.networks.classifier import Classifier
from lightning_modules.networks.fusion import Add, Concat, CrossAttention, Fusion
from lightning_modules.networks.resnext import ResNeXt
from lightning_modules.networks.score_subnet import ScoreSubnet
from lightning_modules.networks.taps import Reading, Tap, TappedClassifier
from lightning_modules.networks.unet import UNet

__all__ = [
    "Add",
    "Classifier",
    "Concat",
    "CrossAttention",
    "Fusion",
    "Reading",
    "ResNeXt",
    "ScoreSubnet",
    "Tap",
    "TappedClassifier",
    "UNet",
]
