-- The time up to which windows are sealed; NULL before the first window is closed.
SELECT nullif(p.sealed_until, '-infinity') AS sealed_until FROM etl.pipeline AS p WHERE p.name = 'web_traffic';
