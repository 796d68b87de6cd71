"""A trial whose log, checkpoint and database can be lost, cut, or go back in time, each without the others."""

import shutil
from pathlib import Path
from typing import Any

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions

from local_stack import Stack
from tests.copies import CheckpointCopy, DatabaseCopy
from tests.faults.brokers import wait_for_leaders
from tests.faults.log import cut_tail
from tests.faults.trial import Trial
from tests.faults.truth import GroundTruth
from tests.integration.test_guard import recreate_topic
from web_traffic.kafka import describe_topic


class Histories(Trial):
    """A pipeline whose three histories can be made to disagree; it tells what was done to them."""

    def __init__(self, stack: Stack, folder: Path, seed: int, tool: Any = None, **surroundings: Any) -> None:
        """Make the pipeline."""
        super().__init__(stack, folder, seed, tool, is_small=True, **surroundings)
        self.truth = GroundTruth(self.pipeline)
        self.steps: list[str] = []
        self.database: tuple[DatabaseCopy, set[str]] | None = None
        self.checkpoint_copy: CheckpointCopy | None = None

    def copy_database(self) -> None:
        """Keep the database as it is now."""
        if self.database:
            self.database[0].drop()
        self.database = DatabaseCopy(self.stack, self.pipeline), set(self.truth.counted)
        self.note("copy the database")

    def put_back_database(self) -> None:
        """Put the copy in the place of the database."""
        assert self.database
        copy, counted = self.database
        copy.restore()
        self.database, self.truth.counted = None, counted
        self.note("put back the database")

    def copy_checkpoint(self) -> None:
        """Keep the checkpoint as it is now."""
        if self.checkpoint_copy:
            self.checkpoint_copy.drop()
        self.checkpoint_copy = CheckpointCopy(self.pipeline)
        self.note("copy the checkpoint")

    def put_back_checkpoint(self) -> None:
        """Put the copy in the place of the checkpoint."""
        assert self.checkpoint_copy
        self.checkpoint_copy.restore()
        self.checkpoint_copy = None
        self.note("put back the checkpoint")

    def lose_checkpoint(self) -> None:
        """Lose the checkpoint's folder."""
        shutil.rmtree(self.pipeline.checkpoint)
        self.note("lose the checkpoint")

    def delete_records(self, partition: str, before: int) -> None:
        """Have the broker delete what lies before an offset, as its retention would."""
        self.truth.look()
        place = TopicPartition(self.pipeline.settings.kafka_topic, int(partition), before)
        admin = self._admin()  # its answers end with it
        [deleted] = admin.delete_records([place]).values()
        deleted.result(30)
        self.note(f"delete records of partition {partition} before {before}")

    def cut(self, partition: str, batches: int) -> None:
        """Let the only broker come back without the newest record batches of a partition."""
        topic_id = self.truth.look()
        before = describe_topic(self.pipeline.settings).end_offsets[partition]
        self.tool.kill(0)
        cut_tail(self.tool.brokers[0].folder / "data" / f"{self.pipeline.settings.kafka_topic}-{partition}", batches)
        self.tool.start(0)
        wait_for_leaders(self.pipeline.settings)
        after = describe_topic(self.pipeline.settings).end_offsets[partition]
        self.truth.cut(topic_id, partition, after)
        self.note(f"cut partition {partition} from {before} to {after}")

    def add_partition(self) -> None:
        """Give the topic another partition."""
        topic = self.pipeline.settings.kafka_topic
        partitions = len(describe_topic(self.pipeline.settings).end_offsets) + 1
        admin = self._admin()  # its answers end with it
        admin.create_partitions([NewPartitions(topic, partitions)])[topic].result(30)
        wait_for_leaders(self.pipeline.settings, partitions)
        self.note("add a partition")

    def make_topic_anew(self) -> None:
        """Delete the topic and make an empty one of the same name."""
        self.truth.look()
        recreate_topic(self.pipeline)
        wait_for_leaders(self.pipeline.settings)
        self.note("make the topic anew")

    def _admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.pipeline.settings.kafka_url})

    def story(self) -> str:
        """Return all steps, in words."""
        return "\n".join(f"{number}. {step}" for number, step in enumerate(self.steps, 1))

    def note(self, step: str) -> None:
        """Keep a step of the story."""
        self.steps.append(step)
