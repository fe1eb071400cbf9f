"""Settings of glibc's malloc: it should keep the memory that tensors free, instead of returning it to the kernel."""

import ctypes
import os
import sys
from collections.abc import Mapping

# Numbers of glibc's malloc.h, with the values that the Makefile exports; mallopt takes 31 bits.
SETTINGS = {
    "M_MMAP_THRESHOLD": (-3, 2**30),  # smaller allocations come from the heap
    "M_TRIM_THRESHOLD": (-1, 2**31 - 1),  # free bytes at the heap's end before it shrinks
    "M_TOP_PAD": (-2, 2**28),  # bytes by which it grows at once
}
OPT_OUT = "SCORETAP_PLAIN_MALLOC"


def keep_freed_memory(environment: Mapping[str, str] = os.environ) -> bool:
    """Let malloc keep freed memory for the rest of this process; returns whether it will.

    On two idle cores such settings made training 1.4 and an evaluator 2.2 times as fast; on one thread of a busy
    machine training gained 1.04 (0.99 to 1.09). The process holds on to its largest memory until it ends.

    It changes the whole process, so the console command calls it and no library function does. Nothing is done outside
    Linux and glibc, where a variable ``MALLOC_*`` or ``GLIBC_TUNABLES`` or another allocator was chosen, or where
    ``SCORETAP_PLAIN_MALLOC`` is set.

    Args:
        environment: variables of the process.
    """
    chosen = [name for name in environment if name.startswith("MALLOC_") or name == "GLIBC_TUNABLES"]
    if sys.platform != "linux" or chosen or environment.get(OPT_OUT) or environment.get("LD_PRELOAD"):
        return False
    try:
        library = ctypes.CDLL(None)
        library.gnu_get_libc_version  # noqa: B018  # other C libraries have none
        return all(library.mallopt(*setting) == 1 for setting in SETTINGS.values())
    except (OSError, AttributeError):
        return False
