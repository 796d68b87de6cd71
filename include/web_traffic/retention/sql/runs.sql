-- Delete runs whose batches are deleted, unless something that is kept refers to them.
DELETE FROM etl.run AS r
WHERE
    r.run_id > %(after)s AND r.run_id <= %(last)s AND r.status <> 'running'
    AND NOT EXISTS (SELECT 1 FROM etl.quality_result AS q WHERE q.run_id = r.run_id)
    AND NOT EXISTS (SELECT 1 FROM etl.restatement AS c WHERE c.run_id = r.run_id)
    AND NOT EXISTS (SELECT 1 FROM etl.shared_restatement AS s WHERE s.run_id = r.run_id)
    AND NOT EXISTS (SELECT 1 FROM etl.pipeline AS p WHERE p.run_id = r.run_id);
