"""Reading back what W&B stored offline: records of ``wandb.proto`` in the frames of a LevelDB log."""

import json
import struct
import time
from pathlib import Path

BLOCK, HEADER = 32768, 7  # bytes; a frame's header is a checksum, a length and a type
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


def frames(data):
    """Whole records of the log, joined where a block's end cut them."""
    at, joined = 7, b""  # behind the file's own header
    while at + HEADER <= len(data):
        if BLOCK - at % BLOCK < HEADER:  # no header fits: the rest of the block is padding
            at += BLOCK - at % BLOCK
            continue
        _, length, kind = struct.unpack("<IHB", data[at : at + HEADER])
        if kind == 0:
            break
        part = data[at + HEADER : at + HEADER + length]
        at += HEADER + length
        joined = joined + part if kind in (MIDDLE, LAST) else part
        if kind in (FULL, LAST):
            yield joined


class OfflineRun:
    """One stored run.

    Attributes:
        run: the record that describes it.
        history: logged values by key, in order.
        rows: the same as one dictionary a row.
        summary, config: last values by key.
        artifacts: types of what was kept.
        whole: whether the run has ended.
        media: suffixes of stored media files.
    """

    def __init__(self, folder):
        from wandb.proto.wandb_internal_pb2 import Record

        self.folder, self.history, self.summary, self.config, self.artifacts = folder, {}, {}, {}, []
        self.whole = False
        self.rows = []
        (file,) = folder.glob("run-*.wandb")
        for frame in frames(file.read_bytes()):
            record = Record()
            record.ParseFromString(frame)
            kind = record.WhichOneof("record_type")
            if kind == "run":
                self.run = record.run
                self._update(self.config, record.run.config.update)
            elif kind == "history":
                self.rows.append({_key(item): json.loads(item.value_json) for item in record.history.item})
                for item in record.history.item:
                    self.history.setdefault(_key(item), []).append(json.loads(item.value_json))
            elif kind in ("summary", "config"):
                self._update(getattr(self, kind), getattr(record, kind).update)
            elif kind == "exit":
                self.whole = True
            elif kind == "artifact":
                self.artifacts.append(record.artifact.type)
        self.media = {path.suffix for path in (folder / "files" / "media").rglob("*") if path.is_file()}

    @staticmethod
    def _update(target, items):
        target |= {_key(item): json.loads(item.value_json) for item in items}


def _key(item):
    return ".".join(item.nested_key) if item.nested_key else item.key


def offline_runs(folder, patience=60.0):
    """Runs below ``folder``, oldest first; W&B's own process may still be writing their ends."""
    paths = sorted(Path(folder).glob("wandb/offline-run-*"), key=lambda path: path.stat().st_mtime)
    end = time.monotonic() + patience
    runs = [OfflineRun(path) for path in paths]
    while not all(run.whole for run in runs) and time.monotonic() < end:
        time.sleep(0.2)
        runs = [OfflineRun(path) for path in paths]
    return runs
