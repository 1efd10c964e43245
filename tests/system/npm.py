# SPDX-License-Identifier: ISC
"""npm packages that tests need, pinned by the package-lock.json beside them. Each lock is fetched once, into a folder that git does not see."""
import hashlib
import os
import shutil
import subprocess

from conftest import TOP


def fetched(here):
    """A folder with the node_modules that here/package-lock.json names."""
    lock = (here / "package-lock.json").read_bytes()
    folder = TOP / "tests" / ".cache" / f"{here.name}-{hashlib.sha256(lock).hexdigest()[:12]}"
    if not folder.exists():
        new = folder.with_name(f"{folder.name}.{os.getpid()}")
        new.mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(here / name, new)
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=new, check=True, timeout=150)
        try:
            new.rename(folder)
        except OSError:  # another one was quicker
            shutil.rmtree(new)
    return folder
