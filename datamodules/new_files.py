"""Files and folders that appear when they are complete, or not at all; see :mod:`lightning_modules.new_files`."""

from lightning_modules.new_files import new_file, new_folder

__all__ = ["new_file", "new_folder"]
