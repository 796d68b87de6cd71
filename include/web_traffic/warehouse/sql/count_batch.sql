-- Complete a batch's ledger row with the figures that Spark observed ahead of the watermark. They are known only when
-- the batch is done.
UPDATE etl.batch
SET
    read = %(read)s,
    rejected = %(rejected)s,
    future = %(future)s,
    oldest_kafka_ms = %(oldest_kafka_ms)s,
    newest_kafka_ms = %(newest_kafka_ms)s
WHERE query_id = %(query_id)s AND batch_id = %(batch_id)s;
