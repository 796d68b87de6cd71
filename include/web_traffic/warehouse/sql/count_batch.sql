-- Complete a batch's ledger row with what Spark observed ahead of the watermark, known when the batch is through.
UPDATE etl.batch
SET
    read = %(read)s,
    rejected = %(rejected)s,
    future = %(future)s,
    oldest_kafka_ms = %(oldest_kafka_ms)s,
    newest_kafka_ms = %(newest_kafka_ms)s
WHERE query_id = %(query_id)s AND batch_id = %(batch_id)s;
