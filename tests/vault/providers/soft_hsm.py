"""A real SoftHSM2 with a token of its own in a folder, for one block. `MISSING` says why there is none here."""

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PIN, TOKEN = "87654321", "perusal test"
_LIBRARIES = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
]
MODULE = next((Path(one) for one in _LIBRARIES if Path(one).exists()), None)
MISSING = ""
if MODULE is None or shutil.which("softhsm2-util") is None:
    MISSING = "SoftHSM2 is not installed: apt-get install softhsm2"
elif importlib.util.find_spec("pkcs11") is None:
    MISSING = 'the extra "pkcs11" is not installed'


@contextmanager
def soft_hsm(folder: Path) -> Iterator[str]:
    """The label of a fresh token; the library reads its place from the environment, and is let go afterwards."""
    import pkcs11

    (folder / "tokens").mkdir()
    config = folder / "softhsm2.conf"
    config.write_text(
        f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n"
    )
    before = os.environ.get("SOFTHSM2_CONF")
    os.environ["SOFTHSM2_CONF"] = str(config)
    try:
        arguments = ["--init-token", "--free", "--label", TOKEN, "--so-pin", "12345678", "--pin", PIN]
        subprocess.run(["softhsm2-util", *arguments], check=True, capture_output=True)
        yield TOKEN
    finally:
        pkcs11.unload(str(MODULE))
        if before is None:
            del os.environ["SOFTHSM2_CONF"]
        else:
            os.environ["SOFTHSM2_CONF"] = before
