"""Part `peers`: published sizes of other generators; nothing is measured here."""

from typing import NamedTuple

from bench.models import SUBNET
from bench.report import Part
from bench.settings import Settings
from bench.timing import exactly


class Peer(NamedTuple):
    """Another generator of spoken digits.

    Attributes:
        name: of the network, and whose code.
        million: parameters, 10^6.
        gmacs: per evaluation.
        evaluations: per sample of one second, by its default sampler.
        source: where the numbers are from.
    """

    name: str
    million: float
    gmacs: float
    evaluations: int
    source: str


UNIT = "GMACs per second of speech"
CODE, PAPER = "counted from its code", "arXiv:2606.20457, Table 1"
PAPER_SUBNET = f"{SUBNET} (paper)"
PEERS = (
    Peer("DiffWave, SC09 (philsyn/DiffWave-unconditional)", 24.07, 303.05, 200, CODE),
    Peer("DiffWave with SaShiMi (albertfgu/diffwave-sashimi)", 23.47, 49.55, 200, f"{CODE}, no Fourier transforms"),
    Peer("EDMSound's U-Net (gzhu06/AudioDiffuser)", 45.16, 66.87, 98, CODE),
    Peer("SaShiMi, autoregressive (state-spaces/s4)", 5.45, 0.0007, 16000, CODE),
    Peer("ASGAN, HuBERT variant (RF5/simple-asgan)", 33.38, 0.312, 1, f"{CODE}, without its vocoder of 19.34 GMACs"),
    Peer("U-Net (paper)", 16.6, 14.56, 100, PAPER),
    Peer(PAPER_SUBNET, 12.3, 12.07, 100, PAPER),
    Peer("U-Net + classifier, γ = 3 (paper)", 24.5, 22.74, 100, PAPER),
    Peer(f"{SUBNET}, γ = 3 (paper)", 12.3, 16.44, 100, PAPER),
)


def peers(settings: Settings) -> Part:
    """Parameters and multiply-accumulates per generated second."""
    part = Part("peers")
    part.header = ["generator", "million parameters", "GMACs per evaluation", "evaluations", UNIT, "source"]
    unit = next(peer.gmacs * peer.evaluations for peer in PEERS if peer.name == PAPER_SUBNET)
    for peer in PEERS:
        together = peer.gmacs * peer.evaluations
        part.rows.append([peer.name, peer.million, peer.gmacs, peer.evaluations, together, peer.source])
        part.ratios[f"{UNIT}: {peer.name} / {PAPER_SUBNET}"] = exactly(together / unit)
    part.notes.append(
        "Evaluations are those of each default sampler. What the rows named (paper) cost here stands in `networks`."
    )
    return part
