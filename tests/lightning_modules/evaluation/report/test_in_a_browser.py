"""The page in a real browser, opened as a file."""

import csv
import json

import pytest
from browser import ABSENT, Browser

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(ABSENT), reason=ABSENT)]

FOCUSED = "return document.activeElement.dataset.name || document.activeElement.id"
SHOWN = """return [...document.querySelectorAll('.clip')].filter((clip) => clip.checkVisibility())
    .map((clip) => clip.dataset.name)"""
PLAYING = """return [...document.querySelectorAll('audio')].filter((audio) => !audio.paused && audio.currentTime > 0)
    .map((audio) => audio.getAttribute('aria-label'))"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """One browser for all tests."""
    browser = Browser(tmp_path_factory.mktemp("browser"))
    yield browser
    browser.close()


@pytest.fixture
def window(browser, page):
    """The browser, which shows the report; nothing may have come to its console in the end."""
    browser.open(page / "index.html")
    yield browser
    browser.devtools("Emulation.clearDeviceMetricsOverride")
    assert browser.log() == []


def hear_both(window):
    for side in "ab":
        window.press(side)
        window.until(lambda side=side: window.run(f"return document.getElementById('side-{side}').matches('.heard')"))


def test_pictures_load_and_every_clip_plays(window):
    assert window.run("return [...document.images].every((image) => image.loading === 'lazy' || image.complete)")
    window.click(".clip")  # browsers let no page play before its user does something
    ends = window.run(
        """return Promise.all([...document.querySelectorAll('audio')].map(async (audio) => {
            audio.muted = true; await audio.play();
            await new Promise((resolve) => { audio.ontimeupdate = () => audio.currentTime > 0 && resolve(); });
            audio.pause(); return [audio.currentTime, audio.duration]; }))"""
    )
    assert len(ends) == 16 and all(time > 0 and duration == pytest.approx(1.0) for time, duration in ends)
    assert (
        window.run(
            """return Promise.all([...document.images].map(async (image) => {
            image.loading = 'eager'; await image.decode(); return image.naturalWidth; }))"""
        )
        == [126] * 16
    )


def test_a_click_plays_and_a_click_stops(window):
    window.click(".clip")
    name = window.run("return document.querySelector('.clip').dataset.name")
    window.until(lambda: window.run(PLAYING) == [name])
    assert window.run("return document.getElementById('playing').textContent") == name
    window.click(".clip")
    assert window.run(PLAYING) == []


def test_keys(window):
    names = window.run(SHOWN)
    window.press("n")
    window.until(lambda: window.run(PLAYING) == names[:1])
    window.press("n")
    window.until(lambda: window.run(PLAYING) == names[1:2])
    assert window.run(FOCUSED) == names[1]
    window.press("down", "right")
    assert window.run(FOCUSED) == names[5], "three columns: one row below, one to the right"
    window.press("enter")
    window.until(lambda: window.run(PLAYING) == names[5:6])
    window.press("escape")
    assert window.run(PLAYING) == []
    window.press("p")
    window.until(lambda: window.run(PLAYING) == names[4:5])


def test_a_row_plays_to_its_end(window):
    names = window.run(SHOWN)
    window.click(".row-play")
    for name in names[:3]:
        window.until(lambda name=name: window.run(PLAYING) == [name])
    window.until(lambda: not window.run("return document.querySelector('.playing')"))
    assert window.run(FOCUSED) == names[2]


def test_filters(window):
    def tick(name, value):
        window.click(f"input[name={name}][value='{value}']")
        return window.run(SHOWN)

    heads = "return [...document.querySelectorAll('.players thead th')].filter((head) => head.checkVisibility()).length"
    assert len(window.run(SHOWN)) == 16 and window.run(heads) == 5
    assert len(tick("digit", "5")) == 6 and all(": five" in name for name in window.run(SHOWN))
    assert len(tick("scale", "3")) == 4, "recordings have no guidance scale"
    assert window.run(heads) == 2, "the table of samples without a digit is gone, and γ = 1"
    assert {name.partition(":")[0] for name in tick("model", "Score Subnet")} == {"Score Subnet, γ = 3"}
    assert tick("digit", "5") and len(window.run(SHOWN)) == 4, "no digit ticked is all digits"
    assert tick("scale", "3") and tick("scale", "0") == []
    assert window.run("return document.getElementById('nothing').checkVisibility()")
    window.click("#all")
    window.until(lambda: len(window.run(SHOWN)) == 16)


def test_a_vote_is_kept_and_saved(window, page):
    window.click(".views [data-view=blind]")
    visible = window.run("return document.body.innerText")
    assert not any(name in visible for name in ("Score Subnet", "U-Net", "Real speech", "seed 1")), "it is blind"
    window.press("1")
    assert "0 votes" in window.run("return document.getElementById('progress').textContent"), (
        "both are to be heard first"
    )
    window.click("#listener")
    window.press(*"A, B2")
    window.click("#side-a")
    hear_both(window)
    window.press("2")
    window.open(page / "index.html")  # as a reload would
    window.click(".views [data-view=blind]")
    assert "1 of 14 pairs judged · 1 vote" in window.run("return document.getElementById('progress').textContent")
    window.click("#save-csv")
    window.click("#save-json")
    files = window.until(lambda: len(done := sorted(window.downloads.glob("votes-A-B2-*.[cj]s*"))) == 2 and done)
    (saved,) = json.loads(files[1].read_text())["votes"]
    with open(files[0], newline="") as file:
        (row,) = csv.DictReader(file)
    assert saved["choice"] == row["choice"] == "b" and row["listener"] == "A, B2" and saved["plays_a"] == 1
    assert {key: str("" if value is None else value) for key, value in saved.items()} == row
    for side in "ab":
        assert (page / saved[f"file_{side}"]).is_file() and saved[f"model_{side}"]
    window.press("u")
    assert "0 votes" in window.run("return document.getElementById('progress').textContent")


def test_a_phone(window):
    window.devtools("Emulation.setDeviceMetricsOverride", width=360, height=740, deviceScaleFactor=2, mobile=True)
    for view in ("scores", "blind", "listen"):
        window.click(f".views [data-view={view}]")
        assert window.run("return document.documentElement.scrollWidth") <= 360, f"{view} scrolls sideways"
    small = window.run(
        """return [...document.querySelectorAll('button, .chip')].filter((each) => each.checkVisibility()
            && Math.min(each.offsetWidth, each.offsetHeight) < 28).map((each) => each.outerHTML)"""
    )
    assert small == [], "too small for a finger"
    assert len(window.run(SHOWN)) == 16


def test_a_column_without_a_clip_in_the_rows_that_stay_is_hidden(browser, draw, report, work):
    draw("one", [(3, 1), (5, 1)])
    draw("two", [(3, 1)])
    assert report("runs", "--output", "other")[0] == 0
    browser.open(work / "other" / "index.html")
    browser.click("input[name=digit][value='5']")
    heads = "[...document.querySelectorAll('.players th[data-model]:not([hidden])')]"
    visible = f"return {heads}.map((head) => head.dataset.model)"
    assert browser.run(visible) == ["one"]
    browser.click("#all")
    browser.until(lambda: browser.run(visible) == ["one", "two"])
