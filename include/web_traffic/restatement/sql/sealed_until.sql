-- The time up to which windows are sealed (NULL before the first window is closed), and the times before which retention
-- deleted windows and batches (NULL if it deleted none).
SELECT nullif(p.sealed_until, '-infinity') AS sealed_until, p.windows_kept_from, p.runs_kept_from
FROM etl.pipeline AS p
WHERE p.name = 'web_traffic';
