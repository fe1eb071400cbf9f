"""A name for a user whom the machine does not know, as in a container that was started with ``--user``."""

import getpass
import os


def ensure_user_name() -> None:
    """Give this process a user's name where the machine has none for its number: torch asks for one when imported.

    Nothing is changed for a user who has a name.
    """
    try:
        getpass.getuser()
    except (KeyError, OSError, ImportError):  # Python 3.13 raises OSError
        os.environ["LOGNAME"] = f"uid{os.getuid()}"
