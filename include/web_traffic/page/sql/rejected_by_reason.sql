-- Events that were rejected in the range, by reason, and how many of them went back to the topic.
SELECT
    reason,
    count(*) AS events,
    count(redrive_id) AS redriven
FROM etl.rejected_event
WHERE rejected_at >= %(range_start)s AND rejected_at < %(range_end)s
GROUP BY reason
ORDER BY events DESC, reason ASC;
