"""Sending events to Kafka: all of them arrive, or the caller is told how many did not."""

import time
from datetime import UTC, datetime, timedelta
from threading import Event as Stop

from confluent_kafka import KafkaError, KafkaException, Message, TopicCollection

from simulator.generator import Event, Traffic
from web_traffic.kafka_client import asking, make_producer
from web_traffic.settings import Settings

_ANSWER_SECONDS = 10
_TICK_SECONDS = 0.25
_EVENTS_PER_POLL = 1024
_PRODUCER = {
    "acks": "all",
    "enable.idempotence": True,  # a retry neither doubles nor reorders events
    "partitioner": "murmur2_random",  # Java's own: a host is in the same partition, whoever produces it
    "compression.type": "lz4",
    "linger.ms": 20,
    "batch.size": 1_000_000,
    "queue.buffering.max.messages": 100_000,
    "queue.buffering.max.kbytes": 131_072,
    "delivery.report.only.error": True,
    "log_level": 2,  # librdkafka would write a line for each lost connection
}


class SendingFailed(Exception):
    """Kafka did not take all events; the message says how many are missing, and why."""


class Sender:
    """A Kafka producer that keeps count: `sent` events were handed over, `failed` of them were given up.

    The host is the key, and its hash decides the partition, so partitions are as uneven as real ones: with 60 hosts
    on 4 partitions the fullest holds about twice as many events as the emptiest.
    """

    def __init__(self, settings: Settings, *, give_up_after: timedelta | None) -> None:
        """Connect; raises `KafkaUnavailable`, `KafkaRefused` or `TopicMissing` within 10 seconds.

        An event that Kafka has not taken after `give_up_after` counts as failed; with None it is tried for ever.
        """
        self.sent = 0
        self.failed = 0
        self._first_failure = ""
        self._url, self._topic = settings.kafka_url, settings.kafka_topic
        self._producer = make_producer(
            settings,
            _PRODUCER
            | {
                "message.timeout.ms": int(give_up_after.total_seconds() * 1000) if give_up_after else 0,
                "on_delivery": self._note_failure,
            },
        )
        with asking(settings, _ANSWER_SECONDS) as admin:
            admin.describe_topics(TopicCollection([self._topic]))[self._topic].result(_ANSWER_SECONDS)

    def send(self, event: Event, stop: Stop | None = None) -> bool:
        """Queue an event; waits while the queue is full, so memory stays bounded.

        Returns False if `stop` was set while it waited; the event is then not sent. Raises `SendingFailed` if the
        producer can't go on.
        """
        while True:
            try:
                self._producer.produce(self._topic, event.value, event.key, timestamp=event.timestamp_ms)
            except BufferError:
                self._producer.poll(0.1)
                if stop and stop.is_set():
                    return False
            except KafkaException as error:
                raise SendingFailed(f"Kafka at {self._url} takes no more events: {error.args[0].str()}") from error
            else:
                self.sent += 1
                if self.sent % _EVENTS_PER_POLL == 0:
                    self._producer.poll(0)
                return True

    def flush(self, seconds: float) -> None:
        """Wait until Kafka has all events; raises `SendingFailed` with the number of those that it has not."""
        waiting = self._producer.flush(seconds)
        if not self.failed and not waiting:
            return
        reason = self._first_failure or f"no answer in {seconds:g} s"
        raise SendingFailed(
            f"{self.failed + waiting:,} of {self.sent:,} events did not reach Kafka at {self._url}: {reason}"
        )

    def _note_failure(self, error: KafkaError | None, _: Message) -> None:
        if error is not None:
            self.failed += 1
            self._first_failure = self._first_failure or error.str()


def send_live(sender: Sender, traffic: Traffic, events_per_second: float, stop: Stop) -> None:
    """Send events at that rate, as they happen, until `stop` is set.

    While the broker is away events wait in the sender's queue; once that is full, no new ones happen.
    """
    ticked_at = time.monotonic()
    owed = 0.0
    while not stop.wait(_TICK_SECONDS):
        elapsed = min(time.monotonic() - ticked_at, 1.0)
        ticked_at = time.monotonic()
        owed += events_per_second * elapsed
        now = datetime.now(UTC)
        for event in traffic.events(now - timedelta(seconds=elapsed), now, int(owed)):
            if not sender.send(event, stop):
                return
        owed %= 1
