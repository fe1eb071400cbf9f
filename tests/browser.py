"""A headless Chromium driven over WebDriver (W3C); it needs chromium and chromedriver only."""

import base64
import json
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
ABSENT = "" if CHROMIUM and DRIVER else "no Chromium with chromedriver here (Debian: chromium, chromium-driver)"
KEYS = {"left": "\ue012", "up": "\ue013", "right": "\ue014", "down": "\ue015", "enter": "\ue007", "escape": "\ue00c"}


class Browser:
    """One window; downloads go to ``downloads``.

    Args:
        folder: for the profile, downloads and the driver's log.
        size: width and height of the window, CSS pixels.
    """

    def __init__(self, folder: Path, size: tuple[int, int] = (1400, 900)) -> None:
        self.downloads = folder / "downloads"
        self.downloads.mkdir(parents=True, exist_ok=True)
        log = folder / "driver.log"
        with open(log, "w") as file:
            self._driver = subprocess.Popen([DRIVER, "--port=0"], stdout=file, stderr=subprocess.STDOUT)
        try:
            port = self.until(lambda: re.search(r"started successfully on port (\d+)", log.read_text()))
            self._url = f"http://127.0.0.1:{port[1]}/session"
            flags = ["headless=new", "no-sandbox", "disable-dev-shm-usage", "disable-gpu", "mute-audio"]
            flags += [f"user-data-dir={folder / 'profile'}", f"window-size={size[0]},{size[1]}"]
            options = {
                "binary": CHROMIUM,
                "args": [f"--{flag}" for flag in flags],
                "prefs": {"download.default_directory": str(self.downloads)},
            }
            wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
            answer = self._send("POST", "", {"capabilities": {"alwaysMatch": wanted}})
            self._url += f"/{answer['sessionId']}"
        except BaseException:
            self._driver.kill()
            raise

    def close(self) -> None:
        """End the browser and the driver."""
        try:
            self._send("DELETE", "")
        finally:
            self._driver.terminate()
            self._driver.wait(20)

    def open(self, page: Path) -> None:
        """Load a file and wait until it is there."""
        self._send("POST", "/url", {"url": page.resolve().as_uri()})

    def run(self, script: str, *args):
        """Run ``script``, the body of a function, and give its value; wait if that is a promise."""
        return self._send("POST", "/execute/sync", {"script": script, "args": args})

    def click(self, selector: str) -> None:
        """Click, as a person would, the first element that fits; what lies over it gets in the way."""
        element = self._send("POST", "/element", {"using": "css selector", "value": selector})
        self._send("POST", f"/element/{next(iter(element.values()))}/click", {})

    def press(self, *keys: str) -> None:
        """Press keys, by letter or by a name of :data:`KEYS`, one after the other."""
        strokes = [(action, KEYS.get(key, key)) for key in keys for action in ("keyDown", "keyUp")]
        actions = [{"type": action, "value": value} for action, value in strokes]
        self._send("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]})

    def log(self) -> list[str]:
        """Messages of the console since the last call."""
        return [f"{entry['level']}: {entry['message']}" for entry in self._send("POST", "/se/log", {"type": "browser"})]

    def devtools(self, command: str, **params):
        """Answer to a command of the DevTools protocol."""
        return self._send("POST", "/goog/cdp/execute", {"cmd": command, "params": params})

    def screenshot(self, path: Path) -> None:
        """Write what the window shows as PNG."""
        path.write_bytes(base64.b64decode(self._send("GET", "/screenshot")))

    @staticmethod
    def until(condition, seconds: float = 30.0):
        """Wait for a true value of ``condition`` and give it; fail after ``seconds``."""
        end = time.monotonic() + seconds
        while not (value := condition()):
            assert time.monotonic() < end, "waited in vain"
            time.sleep(0.05)
        return value

    def _send(self, method: str, path: str, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(json.load(error)["value"]["message"].splitlines()[0]) from error
