"""Can runs be sent to the server? Asked before a run, so that none waits for what is not there."""

import netrc
import os
import socket
from urllib.parse import urlsplit


def why_offline(url: str, api_key: str | None) -> str | None:
    """The reason why nothing can be sent to the server at ``url``; None where it can.

    Args:
        url: of the server.
        api_key: as settings give it; else it is looked for where W&B's own client does: environment and ``.netrc``.
    """
    if not (api_key or os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE") or _netrc(url)):
        return "no API key (wandb login, or WANDB_API_KEY)"
    if not _answers(url):
        return f"no connection to {urlsplit(url).hostname}"
    return None


def _netrc(url: str) -> bool:
    """Whether a ``.netrc`` has a password for the server."""
    for path in (os.environ.get("NETRC"), "~/.netrc", "~/_netrc"):
        try:
            if path and netrc.netrc(os.path.expanduser(path)).authenticators(urlsplit(url).hostname or ""):
                return True
        except (OSError, netrc.NetrcParseError):
            continue
    return False


def _answers(url: str, timeout: float = 5.0) -> bool:
    """Whether a connection can be opened; taken for granted behind a proxy, which is asked by others."""
    parts = urlsplit(url)
    if any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy")):
        return True
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        socket.create_connection((parts.hostname or "", port), timeout).close()
    except OSError:
        return False
    return True
