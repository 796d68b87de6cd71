-- How far the live run had read the topic at a time: what lies before these offsets was in Kafka then.
SELECT s.end_offsets
FROM etl.sealing AS s
WHERE s.planned_at <= %(at)s AND s.fingerprint ->> 'topic id' = %(topic_id)s
ORDER BY s.planned_at DESC
LIMIT 1;
