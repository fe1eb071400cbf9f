"""Sizes of networks that nobody can mean, or no machine can hold."""

import pytest
from tiny import check_refusal

from lightning_modules.networks import Classifier, ConvNeXtISTFT, Discriminators, HiFiGANGenerator, ResNeXt, UNet
from lightning_modules.networks.fusion import CrossAttention

NAN, INF = float("nan"), float("inf")

CASES = [
    (lambda: Classifier(base_channels=0), "base_channels"),
    (lambda: Classifier(base_channels=-1), "base_channels"),
    (lambda: Classifier(base_channels=10**9), "base_channels"),
    (lambda: Classifier(multipliers=[]), "multipliers"),
    (lambda: Classifier(multipliers=[0]), "multipliers"),
    (lambda: Classifier(multipliers=[10**9]), "multipliers"),
    (lambda: Classifier(blocks_per_stage=0), "blocks_per_stage"),
    (lambda: Classifier(blocks_per_stage=10**9), "blocks_per_stage"),
    (lambda: Classifier(bottleneck_blocks=-1), "bottleneck_blocks"),
    (lambda: Classifier(time_width=0), "time_width"),
    (lambda: Classifier(time_width=17), "time_width"),
    (lambda: Classifier(patch_size=0), "patch_size"),
    (lambda: Classifier(patch_size=3), "divisible"),
    (lambda: Classifier(dropout=-0.1), "dropout"),
    (lambda: Classifier(dropout=1), "dropout"),
    (lambda: Classifier(dropout=NAN), "dropout"),
    (lambda: Classifier(num_classes=0), "num_classes"),
    (lambda: Classifier(num_classes=10**9), "num_classes"),
    (lambda: Classifier(input_shape=[80, 0]), "input_shape"),
    (lambda: Classifier(input_shape=[80, 10**9]), "input_shape"),
    (lambda: UNet(decoder_widths=[]), "decoder_widths"),
    (lambda: UNet(decoder_widths=[96, 0, 8]), "decoder_widths"),
    (lambda: UNet(num_classes=-1), "num_classes"),
    (lambda: ResNeXt(channels=[]), "channels"),
    (lambda: ResNeXt(channels=[2]), "channels"),
    (lambda: ResNeXt(cardinality=0), "cardinality"),
    (lambda: ResNeXt(base_width=0), "base_width"),
    (lambda: ResNeXt(blocks_per_stage=10**9), "blocks_per_stage"),
    (lambda: ConvNeXtISTFT(width=0), "width"),
    (lambda: ConvNeXtISTFT(num_blocks=0), "num_blocks"),
    (lambda: ConvNeXtISTFT(iterations=10**9), "iterations"),
    (lambda: HiFiGANGenerator(width=0), "width"),
    (lambda: HiFiGANGenerator(kernels=[]), "kernels"),
    (lambda: Discriminators(periods=[0]), "periods"),
    (lambda: Discriminators(fft_sizes=[]), "fft_sizes"),
    (lambda: CrossAttention(0), "head_width"),
]


@pytest.mark.parametrize(("build", "word"), CASES)
def test_refused_in_one_sentence(build, word):
    check_refusal(build, word)
