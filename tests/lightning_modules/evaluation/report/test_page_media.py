"""Sounds are copied as they are; pictures show them with one scale."""

import numpy as np
import pytest
from PIL import Image
from tones import RATE, tone

from datamodules.audio_files import write_wav
from lightning_modules.errors import InputError
from lightning_modules.evaluation.report.page_media import MediaWriter


@pytest.fixture
def writer(tmp_path):
    (tmp_path / "page").mkdir()
    return MediaWriter(tmp_path / "page")


def brightness(folder, media):
    """Levels 0 to 255 ``(F, L)`` of a picture, the top row first."""
    return np.asarray(Image.open(folder / media.picture))


def test_copy_loudness_and_picture(writer, tmp_path):
    loud, soft, high = tmp_path / "loud.wav", tmp_path / "soft.wav", tmp_path / "high.wav"
    for file, waveform in ((loud, tone(300, 0.5)), (soft, tone(300, 0.05)), (high, tone(5000, 0.5))):
        write_wav(file, waveform, RATE)
    first, second, third = (writer.write(file, file.stem) for file in (loud, soft, high))
    assert (writer.folder / first.audio).read_bytes() == loud.read_bytes()
    assert first.loudness == pytest.approx(20 * np.log10(0.5 / np.sqrt(2)), abs=0.01)
    assert first.loudness - second.loudness == pytest.approx(20.0, abs=0.01)
    pictures = [brightness(writer.folder, media) for media in (first, second, third)]
    assert all(picture.shape == (80, 126) for picture in pictures)
    peak = [picture[:, 63].argmax() for picture in pictures]
    assert peak[0] == peak[1] > 60 and peak[2] < 30, "low frequencies lie at the bottom"
    # 20 dB are ln 10 of the 13.5 nepers between the darkest and the brightest colour.
    assert int(pictures[0].max()) - int(pictures[1].max()) == pytest.approx(
        255 * np.log(10) / (2 + np.log(1e5)), abs=1.5
    )


def test_silence_has_a_picture_and_no_loudness(writer, tmp_path):
    write_wav(tmp_path / "silent.wav", tone(300, 0.0), RATE)
    media = writer.write(tmp_path / "silent.wav", "silent")
    assert media.loudness == -np.inf and not brightness(writer.folder, media).any()


def test_what_cannot_be_read_leaves_nothing(writer, tmp_path):
    (tmp_path / "bad.wav").write_bytes(b"RIFF")
    with pytest.raises(InputError):
        writer.write(tmp_path / "bad.wav", "bad")
    assert not [path for path in writer.folder.rglob("*") if path.is_file()]
