"""Amazon's IAM without Amazon: a key, and a broker's side that checks the tokens that were signed with it."""

import subprocess
import zipfile
from pathlib import Path

from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from local_stack import StackError
from local_stack.jars import bring_jars, class_path
from local_stack.java import java_home

REGION = "eu-central-1"
KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
IDENTITY = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
"""What a client's process has."""
OF_BROKER = {"IAM_ACCESS_KEY_ID": KEY, "IAM_SECRET_ACCESS_KEY": SECRET, "IAM_REGION": REGION}
"""What the process of a broker has that uses the validator."""
SIGNER = "software/amazon/msk/auth/iam/internals/AWS4SignedPayloadGenerator.class"


def compiled(name: str, folder: Path, jars: str = "kafka") -> Path:
    """Compile one of the Java sources beside this one for a folder of jars; return the folder of its classes."""
    [compiler] = _jars("ecj")
    command = [
        *(str(java_home() / "bin" / "java"), "-jar", str(compiler), "--release", "17", "-proc:none"),
        *("-d", str(folder)),
        *("-classpath", ":".join(map(str, class_path(jars))), str(Path(__file__).with_name(f"{name}.java"))),
    ]
    subprocess.run(command, check=True, capture_output=True)
    return folder


def client_jars() -> list[Path]:
    """Return the jars that make tokens of IAM in Java."""
    return _jars("spark-iam")


def hasty_client_jars(folder: Path) -> list[Path]:
    """Return the same jars, but their tokens live for 15 seconds, where Amazon's live for 15 minutes."""
    [original] = (jar for jar in client_jars() if jar.name.startswith("aws-msk-iam-auth"))
    hasty = folder / original.name
    with zipfile.ZipFile(original) as jar, zipfile.ZipFile(hasty, "w") as copy:
        for name in jar.namelist():
            content = jar.read(name)
            copy.writestr(name, content.replace(b"MINUTES", b"SECONDS") if name == SIGNER else content)
    return [hasty, *(jar for jar in client_jars() if jar != original)]


@retry(retry=retry_if_exception_type(StackError), wait=wait_fixed(1), stop=stop_after_delay(120), reraise=True)
def _jars(folder: str) -> list[Path]:
    """Download jars, unless they are here; another worker of the tests may be at it."""
    bring_jars(folder)
    return class_path(folder)
