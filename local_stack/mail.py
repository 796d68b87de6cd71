"""The mail sink: takes every mail on loopback and writes it to a folder, one file each.

Run it with `python -m local_stack.mail PORT FOLDER`.
"""

import argparse
import asyncio
import signal
from datetime import UTC, datetime
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

from local_stack.environment import LOOPBACK


class FolderSink:
    """Handler that keeps each mail as `<UTC time>.eml`; a file appears when it is whole."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: ARG002, N802
        """Write one mail, with its envelope as the first two headers."""
        content = envelope.original_content or b""
        header = f"X-Mail-From: {envelope.mail_from}\r\nX-Rcpt-To: {', '.join(envelope.rcpt_tos)}\r\n"
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}.eml"
        partial = self.folder / f"{name}.partial"
        partial.write_bytes(header.encode() + content)
        partial.rename(self.folder / name)
        return "250 OK"


async def serve(port: int, folder: Path) -> None:
    """Take mails until SIGTERM or SIGINT."""
    folder.mkdir(parents=True, exist_ok=True)
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    server = await loop.create_server(lambda: SMTP(FolderSink(folder), hostname="localhost"), LOOPBACK, port)
    async with server:
        await stopped.wait()


def main() -> None:
    """Command line of the mail sink."""
    parser = argparse.ArgumentParser(
        prog="python -m local_stack.mail", description="Take every mail and write it to a folder."
    )
    parser.add_argument("port", type=int)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    asyncio.run(serve(arguments.port, arguments.folder))


if __name__ == "__main__":
    main()
