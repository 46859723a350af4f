"""Make the keys of an agent and its driver: two folders, one for each machine.

python3 -m sawyer_agent.keys FOLDER       makes FOLDER/agent and FOLDER/driver; needs the program openssl
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from .tls import AGENT, DRIVER, OTHER

DAYS = 3650


def make_keys(folder: Path) -> None:
    """`folder`/agent and `folder`/driver, whole or not at all. Only their owner can read the keys.

    Raises:
        FileExistsError: `folder` is there: keys in use are never overwritten.
        OSError: it cannot be written, or there is no program openssl, or that fails.
    """
    if folder.exists():
        raise FileExistsError(f"expected a new folder, got {folder}, which exists; name another, or remove it")
    folder.parent.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        for side in (AGENT, DRIVER):
            (making / side).mkdir(mode=0o700)
        for side in (AGENT, DRIVER):
            _make(making / side / f"{side}.key", making / side / f"{side}.crt", f"gato_ros {side}")
            shutil.copy(making / side / f"{side}.crt", making / OTHER[side])
        os.rename(making, folder)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _make(key: Path, certificate: Path, name: str) -> None:
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-keyout", str(key), "-out", str(certificate), "-days", str(DAYS), "-subj", f"/CN={name}"]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    except FileNotFoundError:
        raise OSError("expected the program openssl, got none; Debian, Ubuntu: sudo apt install openssl") from None
    if done.returncode:
        raise OSError("openssl failed: {}".format(" ".join(done.stdout.split())))
    key.chmod(0o600)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="a new folder")
    folder = parser.parse_args().folder
    try:
        make_keys(folder)
    except OSError as error:
        print(f"sawyer_agent.keys: {error}", file=sys.stderr)
        return 2
    print(f"{folder / AGENT}: to the machine of the agent, --keys")
    print(f"{folder / DRIVER}: to the machine of driver_node, parameter keys")
    return 0


if __name__ == "__main__":
    sys.exit(main())
