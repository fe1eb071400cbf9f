"""Download, interruption, checksum: against a server on this machine."""

import hashlib
import http.server
import io
import tarfile
import threading
from functools import partial

import pytest
from torchaudio.datasets import speechcommands

from datamodules import SC09DataModule, sc09
from lightning_modules.errors import InputError

NAME = "speech_commands_v0.02.tar.gz"


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves one archive; may break off after some bytes, and may honour byte ranges."""

    def __init__(self, server, *args):
        self.state = server
        super().__init__(*args)

    def do_GET(self):
        body, start = self.state["body"], 0
        asked = self.headers.get("Range")
        self.state["asked"].append(asked)
        if asked and self.state["ranges"]:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
        self.send_response(416 if start >= len(body) else 206 if start else 200)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        self.wfile.write(body[start:][: self.state["stop_after"]])

    def log_message(self, *args):
        pass


def archive(tone_root):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for path in sorted(tone_root.rglob("*")):
            tar.add(path, f"./{path.relative_to(tone_root)}", recursive=False)
        for name in (
            "../escape.wav",
            "./zero/../../escape.wav",
            "/zero/escape.wav",
            "./_background_noise_/hum.wav",
            "./cat/a_nohash_0.wav",
        ):
            tar.addfile(tarfile.TarInfo(name), io.BytesIO())
        link = tarfile.TarInfo("./zero/link.wav")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        tar.addfile(link)
    return buffer.getvalue()


@pytest.fixture
def server(tone_root, monkeypatch):
    state = {"body": archive(tone_root), "stop_after": None, "ranges": True, "asked": []}
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, state)) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{listening.server_port}/speech_commands_{{version}}.tar.gz"
        monkeypatch.setattr(sc09, "URL", url)
        checksum = hashlib.sha256(state["body"]).hexdigest()
        monkeypatch.setitem(speechcommands._CHECKSUMS, url.format(version="v0.02"), checksum)
        yield state
        listening.shutdown()


@pytest.fixture
def data(server, tmp_path):
    return SC09DataModule(str(tmp_path / "sc"), download=True, labels=[0, 3, 7])


def names(root):
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_download_unpacks_digits_and_lists_only(data, tone_root, tmp_path, server):
    corpus = data.prepare_corpus()
    assert names(corpus) == names(tone_root)
    assert [path.name for path in (tmp_path / "sc").iterdir()] == ["speech_commands_v0.02"]
    assert not list(tmp_path.rglob("escape*"))
    data.prepare_data()
    assert len(data.split("train")) == 12 and len(server["asked"]) == 1


@pytest.mark.parametrize("ranges", [True, False])
def test_interrupted_download_is_finished_later(data, server, tmp_path, tone_root, ranges):
    server.update(stop_after=2000, ranges=ranges)
    with pytest.raises(InputError, match=f"2000 of {len(server['body'])} bytes"):
        data.prepare_corpus()
    assert [path.name for path in (tmp_path / "sc").iterdir()] == [NAME + ".part"]
    server["stop_after"] = None
    assert names(data.prepare_corpus()) == names(tone_root)
    assert server["asked"] == [None, "bytes=2000-"]


@pytest.mark.parametrize("planted", ["symlink_to", "hardlink_to"])
def test_planted_links_are_not_followed(planted, data, server, tmp_path, tone_root):
    (victim := tmp_path / "victim").write_bytes(b"precious")
    (tmp_path / "sc").mkdir()
    getattr(tmp_path / "sc" / (NAME + ".part"), planted)(victim)
    assert names(data.prepare_corpus()) == names(tone_root)
    assert victim.read_bytes() == b"precious"


def test_part_that_is_already_whole(data, server, tmp_path, tone_root):
    (tmp_path / "sc").mkdir()
    (tmp_path / "sc" / (NAME + ".part")).write_bytes(server["body"])
    assert names(data.prepare_corpus()) == names(tone_root)


@pytest.mark.parametrize("leftover", [b"", b"from another file" * 10, b"x" * 10**6])
def test_wrong_checksum_is_refused_and_started_over(data, server, tmp_path, tone_root, leftover):
    good, server["body"] = server["body"], b"some page" * 1000
    (tmp_path / "sc").mkdir()
    (tmp_path / "sc" / (NAME + ".part")).write_bytes(leftover)
    with pytest.raises(InputError, match="SHA-256"):
        data.prepare_corpus()
    assert not list((tmp_path / "sc").iterdir())
    server["body"] = good
    assert names(data.prepare_corpus()) == names(tone_root)


def test_interrupted_unpacking_leaves_no_corpus(data, server, tmp_path, tone_root, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(tarfile.TarFile, "extractfile", killed)
        with pytest.raises(KeyboardInterrupt):
            data.prepare_corpus()
    assert [path.name for path in (tmp_path / "sc").iterdir()] == [NAME]
    assert names(data.prepare_corpus()) == names(tone_root) and len(server["asked"]) == 1


def test_unreachable_server_is_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr(sc09, "URL", "http://127.0.0.1:9/speech_commands_{version}.tar.gz")
    monkeypatch.setitem(speechcommands._CHECKSUMS, "http://127.0.0.1:9/speech_commands_v0.02.tar.gz", "0" * 64)
    with pytest.raises(InputError, match="cannot download"):
        SC09DataModule(str(tmp_path), download=True).prepare_corpus()


def test_absent_corpus_tells_how_to_get_it(tmp_path):
    with pytest.raises(InputError, match="--data.init_args.download true"):
        SC09DataModule(str(tmp_path / "absent")).prepare_data()


@pytest.mark.parametrize("version", ["v0.01", "v0.02"])
def test_versions_have_checksums(version):
    assert len(speechcommands._CHECKSUMS[SC09DataModule(version=version).url]) == 64


def test_unknown_version():
    with pytest.raises(InputError, match="v0.03"):
        SC09DataModule(version="v0.03")


@pytest.mark.parametrize("below", [".", "speech_commands_v0.02", "SpeechCommands/speech_commands_v0.02"])
def test_corpus_is_found_where_it_lies(tone_root, tmp_path, below):
    target = tmp_path / "place" / below
    target.parent.mkdir(parents=True, exist_ok=True)
    tone_root.rename(target)
    assert SC09DataModule(str(tmp_path / "place")).prepare_corpus() == target
