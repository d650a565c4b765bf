"""A file that is there whole or not at all, whoever else makes it at the same time and whenever a process dies."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory


def made_whole(path: Path, make: Callable[[Path], object]) -> None:
    """`make` writes the file under the path that it is given; the first to finish wins, and a file that is there stays."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.", ignore_cleanup_errors=True) as folder:
        made, copied = Path(folder) / path.name, Path(folder) / "whole"
        make(made)
        shutil.copyfile(made, copied)  # whoever made it may still hold it open
        try:
            os.link(copied, path)
        except FileExistsError:
            return
        except OSError:  # a file system without links
            if not path.exists():
                copied.replace(path)
