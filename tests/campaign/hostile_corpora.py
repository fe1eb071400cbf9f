"""Lists and folders that are spelt otherwise, damaged or incomplete: used as they are meant, or refused."""

import json
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random

from campaign.cases import Case
from campaign.commands import limit_memory, run
from campaign.hostile_checkpoints import MEMORY, SECONDS, check_hostile, damages
from campaign.outcomes import check_done
from campaign.world import References, World, linked_corpus, use_corpus
from datamodules.corpus_layout import LISTS

DAMAGED = 14
# Shell commands in the corpus; in the lists every line is <word>/<speaker>_nohash_<take>.wav.
USED = {
    "a folder before each name": "sed -i 's,^,speech_commands/,' *_list.txt",
    "absolute names": "sed -i 's,^,/data/speech_commands_v0.02/,' *_list.txt",
    "backslashes": "sed -i 's,/,\\\\,' *_list.txt",
    "dots before names": "sed -i 's,^,./,' *_list.txt",
    "capitals": "sed -i 's,.*,\\U&,' *_list.txt",
    "another ending": "sed -i 's,wav$,flac,' *_list.txt",
    "no ending": "sed -i 's,.wav$,,' *_list.txt",
    "quotes": "sed -i 's,.*,\"&\",' *_list.txt",
    "blanks": "sed -i 's,.*,  & \\t,' *_list.txt",
    "line ends of Windows": "sed -i 's,$,\\r,' *_list.txt",
    "line ends of old Macs": "for f in *_list.txt; do tr '\\n' '\\r' < $f > x; mv x $f; done",
    "a byte-order mark": "sed -i '1s/^/\\xef\\xbb\\xbf/' *_list.txt",
    "UTF-16": "for f in *_list.txt; do iconv -f UTF-8 -t UTF-16 $f > x; mv x $f; done",
    "empty lines": "sed -i 's/$/\\n\\n/' *_list.txt",
    "names twice": "for f in *_list.txt; do cat $f $f > x; mv x $f; done",
    "other words too": "for f in *_list.txt; do echo bed/00000000_nohash_0.wav >> $f; done",
    "a class that is a link": "mv seven ../far; ln -s ../far seven",
    "hidden files of a Mac": "cd four; for f in *; do cp $f ._$f; done",
    "other files about": "cd four; touch .DS_Store Thumbs.db x.txt a.wav.part",
    "other words": "cp -r four bed; mkdir _background_noise_",
    "a corpus in the corpus": "cp -r . ../x; mv ../x speech_commands",
}
REFUSED = {
    "file names alone": "sed -i 's,.*/,,' *_list.txt",
    "nonsense": "sed -i 's,.*,abc,' *_list.txt",
    "latin-1": "printf 'four/\\xe9.wav\\n' >> validation_list.txt",
    "random bytes": "head -c 999 /dev/urandom > validation_list.txt",
    "a folder as list": "rm validation_list.txt; mkdir validation_list.txt",
    "a list that links to nowhere": "ln -sf no validation_list.txt",
    "one list for both": "cp validation_list.txt testing_list.txt",
    "a list spelt otherwise": "mv validation_list.txt Validation_List.TXT",
    "a class is missing": "rm -r seven",
    "a class with a capital": "mv seven Seven",
    "a class misspelt": "mv seven sevn",
    "numbers as classes": "i=0; for w in zero one two three four five six seven eight nine; do mv $w $i; ((++i)); done",
    "an empty class": "rm seven/*",
    "a class that is a file": "rm -r seven; touch seven",
    "a class that links to nowhere": "rm -r seven; ln -s no seven",
    "a class inside another": "mv seven six",
    "one folder deeper": "mkdir in; mv [a-hj-z]* in",
    "an empty folder": "rm -r *",
    "a file in its place": "cd ..; rm -r corpus; touch corpus",
    "a link in a circle": "cd ..; rm -r corpus; ln -s corpus corpus",
    "speakers in no pattern": "rm *_list.txt; for f in */*; do mv $f ${f%%/*}/anna_$(basename ${f%%_*}).wav; done",
    "one clip of a class": "rm *_list.txt; cd four; rm *[1-9a-f]_nohash_0.wav",
}
EITHER = {
    "an empty list": ": > validation_list.txt",
    "zero bytes": "sed -i 's,/,/\\x00,' validation_list.txt",
    "commas": "sed -i 's/$/,4,yes/' *_list.txt",
    "a name in no UTF-8": "cp four/00000005_nohash_0.wav $(printf 'four/\\xff_nohash_0.wav')",
    "a name with a line end": "cp four/00000005_nohash_0.wav \"$(printf 'four/a\\nb_nohash_0.wav')\"",
    "a name of 250 letters": "cp four/00000005_nohash_0.wav four/$(head -c 235 /dev/zero | tr '\\0' a)_nohash_0.wav",
}


def cases(world: World, references: References, random: Random) -> Iterator[Case]:
    """Changes of a good corpus by a shell, and lists with damaged bytes."""
    for good, scripts in ((True, USED), (False, REFUSED), (None, EITHER)):
        for name, script in scripts.items():
            yield Case(name, partial(_changed, world, script, good))
    for number in range(DAMAGED):
        kind = list(damages())[number % len(damages())]
        yield Case(f"a list: {kind} {number}", partial(_damaged, world, kind, random.random()))


def _changed(world: World, script: str, good: bool | None, folder: Path) -> None:
    """Used as it is meant, or refused; None where either will do."""
    work = folder / "work"
    corpus = linked_corpus(world, work / "corpus")
    subprocess.run(["bash", "-e", "-c", script], cwd=corpus, check=True, capture_output=True)
    if good:
        check_done(run(use_corpus(world), work, prepare=limit_memory(MEMORY), timeout=SECONDS))
    if good or check_hostile(use_corpus(world), work, may_pass=good is None):
        check_splits(world, work)


def _damaged(world: World, kind: str, seed: float, folder: Path) -> None:
    """What is left of a list's names decides, or the list is refused; no name moves to the other list."""
    work = folder / "work"
    path = linked_corpus(world, work / "corpus") / LISTS["test"]
    path.write_bytes(damages()[kind](path.read_bytes(), Random(seed)))
    check_hostile(use_corpus(world), work, may_pass=True)


def check_splits(world: World, work: Path) -> None:
    """Check that the features of each split are of the clips that the lists name, with no clip in two splits."""
    splits = {}
    for path in (work / "cache" / "scoretap").glob("*-*.json"):
        splits[path.name.partition("-")[0]] = set(json.loads(path.read_text()).get("paths", ()))
    for split, name in LISTS.items():
        expected = set((world.corpus / name).read_text().split())
        if splits.get(split):
            other = sorted(splits[split] ^ expected)
            assert not other, f"the {split} split is not the list's: {other[:3]} ({len(other)})"
            assert not splits["train"] & splits[split], f"clips to {split} are trained on"
