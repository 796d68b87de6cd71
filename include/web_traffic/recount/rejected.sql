-- When each record of the topic was rejected.
SELECT partition, record_offset, (extract(EPOCH FROM rejected_at) * 1000000)::bigint AS rejected_us
FROM etl.rejected_event
WHERE topic_id = %(topic_id)s;
