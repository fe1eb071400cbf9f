"""Writing WAV files that are either whole or absent."""

from pathlib import Path

from torch import Tensor


def write_wav(path: Path, waveform: Tensor, sample_rate: int) -> None:
    """Write ``waveform`` ``(N,)`` in [-1, 1] as 16-bit PCM under a temporary name, then rename."""
    import soundfile

    temporary = path.with_name(f".{path.name}.tmp")
    soundfile.write(temporary, waveform.float().cpu().numpy(), sample_rate, subtype="PCM_16", format="WAV")
    temporary.replace(path)
