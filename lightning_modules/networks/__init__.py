"""Networks: the classifier (backbone) with its taps, the Score Subnet, the U-Net, the evaluator and vocoders."""

from lightning_modules.networks.adapted import AdaptedClassifier
from lightning_modules.networks.classifier import Classifier
from lightning_modules.networks.critic import Critic
from lightning_modules.networks.fusion import Add, Concat, CrossAttention, Fusion
from lightning_modules.networks.resnext import ResNeXt
from lightning_modules.networks.score_subnet import ScoreSubnet
from lightning_modules.networks.taps import Reading, Tap, TappedClassifier
from lightning_modules.networks.unet import UNet
from lightning_modules.networks.vocoders import ConvNeXtISTFT, Discriminators, HiFiGANGenerator, MelToWaveform
