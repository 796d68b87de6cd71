"""Command line: `python -m simulator produce | live`."""

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event as Stop

from simulator.generator import Traffic
from simulator.sending import Sender, SendingFailed, send_live
from simulator.truth import Truth
from web_traffic.arguments import time_argument
from web_traffic.errors import NeedsAttention, TryAgain
from web_traffic.settings import Settings

_GIVE_UP_AFTER = timedelta(seconds=60)
_LAST_FLUSH_SECONDS = 10
_PROGRESS_SECONDS = 5
_EVENTS_PER_LOOK = 10_000

DESCRIPTION = """\
Send simulated web traffic to the Kafka topic KAFKA_TOPIC at KAFKA_URL (both from the environment). The same
arguments give the same events. Exit code 0: Kafka has all of them; 1: some are missing, and stderr says why.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns its exit code."""
    options = _parser().parse_args(arguments)
    try:
        traffic = Traffic(
            options.seed,
            hosts=options.hosts,
            referrers=options.referrers,
            late=options.late,
            malformed=options.malformed,
            future=options.future,
        )
        settings = Settings.from_environment()
        _produce(settings, traffic, options) if options.command == "produce" else _live(settings, traffic, options)
    except (TryAgain, NeedsAttention, SendingFailed, ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("Stopped before the end: not all events were sent, and no truth was written.\n")
        return 130
    return 0


def _produce(settings: Settings, traffic: Traffic, options: argparse.Namespace) -> None:
    end = options.end or datetime.now(UTC)
    start = options.start or end - timedelta(hours=1)
    if end > datetime.now(UTC):
        raise ValueError(f"--end {end.isoformat()} has not come yet: Kafka timestamps would be in the future")
    sender = Sender(settings, give_up_after=_GIVE_UP_AFTER)
    truth = Truth()
    began_at = told_at = time.monotonic()
    for event in traffic.events(start, end, options.events):
        sender.send(event)
        truth.add(event)
        if truth.sent % _EVENTS_PER_LOOK == 0 and time.monotonic() - told_at > _PROGRESS_SECONDS:
            told_at = time.monotonic()
            sys.stderr.write(f"{truth.sent:,} of {options.events:,} events {_rate(truth.sent, began_at)}\n")
    sender.flush(_GIVE_UP_AFTER.total_seconds())
    speed = _rate(truth.sent, began_at)
    if options.truth:
        truth.write(options.truth)
    sys.stdout.write(
        f"Sent {truth.sent:,} events of {start.isoformat(timespec='seconds')} to {end.isoformat(timespec='seconds')} "
        f"to {settings.kafka_topic} {speed}: {truth.late:,} late, {truth.rejected:,} malformed, "
        f"{truth.future:,} from the future.\n"
    )


def _live(settings: Settings, traffic: Traffic, options: argparse.Namespace) -> None:
    sender = Sender(settings, give_up_after=None)
    stop = Stop()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    sys.stdout.write(f"Sending {options.rate:g} events per second to {settings.kafka_topic} until stopped.\n")
    sys.stdout.flush()
    send_live(sender, traffic, options.rate, stop)
    sender.flush(_LAST_FLUSH_SECONDS)
    sys.stdout.write(f"Sent {sender.sent:,} events.\n")


def _rate(sent: int, began_at: float) -> str:
    seconds = max(time.monotonic() - began_at, 1e-9)
    return f"in {seconds:.1f} s ({sent / seconds:,.0f}/s)"


def _parser() -> argparse.ArgumentParser:
    world = argparse.ArgumentParser(add_help=False)
    world.add_argument("--seed", type=int, default=1, help="another seed gives other traffic (default: %(default)s)")
    world.add_argument("--hosts", type=int, default=60, help="number of hosts (default: %(default)s)")
    world.add_argument("--referrers", type=int, default=400, help="number of referrers (default: %(default)s)")
    world.add_argument(
        "--late",
        type=float,
        default=0.01,
        help="share of events that come 2 to 20 minutes late (default: %(default)s)",
    )
    world.add_argument(
        "--malformed", type=float, default=0.003, help="share of events that break the contract (default: %(default)s)"
    )
    world.add_argument(
        "--future", type=float, default=0.001, help="share of events hours or days ahead (default: %(default)s)"
    )
    parser = argparse.ArgumentParser(prog="python -m simulator", description=DESCRIPTION)
    commands = parser.add_subparsers(dest="command", required=True)
    produce = commands.add_parser(
        "produce", parents=[world], help="send the events of a stretch of time, at full speed"
    )
    produce.add_argument("--events", type=_whole_number, required=True, help="how many")
    produce.add_argument(
        "--start", type=time_argument, help="start of the stretch, RFC 3339 (default: an hour before its end)"
    )
    produce.add_argument(
        "--end",
        type=time_argument,
        help="end of the stretch (default: now); Kafka deletes what is older than its retention",
    )
    produce.add_argument(
        "--truth", type=Path, metavar="FILE", help="write what a correct pipeline must count (NDJSON)"
    )
    live = commands.add_parser("live", parents=[world], help="send events as they happen, until SIGTERM or Ctrl-C")
    live.add_argument("--rate", type=_events_per_second, required=True, help="events per second, on average")
    return parser


def _whole_number(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


def _events_per_second(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0
    if not 0 < rate < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return rate


if __name__ == "__main__":
    sys.exit(main())
