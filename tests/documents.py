"""The documents of this repository, and what their text names: links, headings, files and flags."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
CONFIGS = ROOT / "configs"
NOT_OURS = ("data", "runs", "table", "samples", "report", "models")  # folders that commands write or that users bring
PLACEHOLDER = re.compile(r"\bmy_|[A-Z]{3,}|…|runs/|\.\.\.")  # of a class or file that only a reader has
_FENCE = re.compile(r"^```[^\n]*\n(.*?)^```", flags=re.S | re.M)


def tracked_files():
    """Files of the repository, relative to it; without git, all that are not hidden."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if listed.returncode == 0 and listed.stdout:
        return [path for path in map(Path, listed.stdout.splitlines()) if (ROOT / path).exists()]
    found = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
    return [path for path in found if not any(part.startswith(".") and part != ".github" for part in path.parts)]


FILES = tracked_files()
PLACES = {str(place) for path in FILES for place in (path, *path.parents)}
DOCUMENTS = sorted(ROOT / path for path in FILES if path.name in ("README.md", "RESULTS.md"))


def name(document):
    return str(document.relative_to(ROOT))


def fenced_blocks(document):
    """Contents of the fenced blocks of a document."""
    return _FENCE.findall(document.read_text())


def prose(document):
    """A document without its fenced blocks."""
    return _FENCE.sub("", document.read_text())


def spans(document):
    """What stands between backticks in the text of a document."""
    return re.findall(r"`([^`\n]+)`", prose(document))


def flag_spans(document):
    """Flags with a value that the text of a document shows, without those that only a reader could fill in."""
    shown = [span for span in spans(document) if span.startswith("--") and re.search(r"[ =]", span)]
    return [span for span in shown if not PLACEHOLDER.search(span)]


def links(document):
    """Places that a document links to or shows as a picture, without those on the web."""
    text = prose(document)
    return re.findall(r"\]\((?!https?:)([^)]+)\)", text) + re.findall(r'src="(?!https?:)([^"]+)"', text)


def headings(document):
    """Headings of a document as links write them."""
    titles = re.findall(r"^#+ (.*)$", prose(document), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def named_places(document):
    """Files and folders that the text or a drawing of a document names."""
    drawings = [block for block in re.findall(r"^```\n(.*?)^```", document.read_text(), flags=re.S | re.M)]
    words = [word for drawing in drawings for word in re.findall(r"(?<![\w/])[\w./-]+(?:\.py|/)(?![\w/])", drawing)]
    words += [span for span in spans(document) if re.fullmatch(r"[\w.*-]+(/[\w.*-]+)*/?", span)]
    return [word for word in words if word.split("/")[0] not in NOT_OURS and _looks_like_a_place(word, document)]


def _looks_like_a_place(word, document):
    first = word.split("/")[0]
    known = "/" in word and any((folder / first).exists() for folder in (ROOT, CONFIGS, document.parent))
    return known or word.endswith((".py", "/"))


def exists(word, document):
    """Whether a file, a folder or a config of that name exists, seen from the document or from the repository."""
    for folder in (document.parent, ROOT, CONFIGS):
        if any(folder.glob(word.rstrip("/"))) or any(folder.glob(f"{word}.yaml")):
            return True
    word = word.rstrip("/")
    return any(place == word or place.endswith(f"/{word}") for place in PLACES)
