"""What the tests of the alerts look at."""

import email
import email.policy
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from local_stack.rest import AirflowApi
from tests.faults.stopped import wait_until

RUN_SECONDS = 180


@dataclass
class Inbox:
    """The mails that have come since the test began."""

    folder: Path
    before: set[Path] = field(init=False)
    began: float = field(init=False)

    def __post_init__(self) -> None:
        self.before = set(self.folder.glob("*.eml"))
        self.began = time.monotonic()

    def mails(self) -> list[EmailMessage]:
        files = sorted(set(self.folder.glob("*.eml")) - self.before)
        return [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in files]

    def seconds(self) -> float:
        """Seconds since the test began."""
        return time.monotonic() - self.began

    def subjects(self) -> list[str]:
        return [mail["Subject"] for mail in self.mails()]

    def wait_for(self, number: int, within: float) -> EmailMessage:
        """Return the mail of that number, counted from 1, when it is there."""
        wait_until(lambda: len(self.mails()) >= number, f"mail {number}; there are {self.subjects()}", within)
        return self.mails()[number - 1]


def run(api: AirflowApi, dag_id: str, **conf: Any) -> dict[str, Any]:
    """Run a DAG of one task and return that task, when it has ended."""
    run_id = api.trigger(dag_id, conf=conf)
    api.wait_for_run(dag_id, run_id, RUN_SECONDS)
    [task] = api.task_instances(dag_id, run_id)
    return task


def seconds_since(end_date: str, mail: EmailMessage, inbox: Inbox) -> float:
    """Return how long after a task's end its mail came, by the name of its file."""
    header = f"Message-ID: {mail['Message-ID']}"
    [file] = [one for one in inbox.folder.glob("*.eml") if header in one.read_text()]
    came = datetime.strptime(file.stem, "%Y%m%dT%H%M%S.%fZ").replace(tzinfo=UTC)
    seconds = (came - datetime.fromisoformat(end_date)).total_seconds()
    print(f"the mail came {seconds:.1f} s after the end of its task")
    return seconds


def text(mail: EmailMessage) -> str:
    """Return what a mail says."""
    content: str = mail.get_content()
    return content.replace("\r\n", "\n")
