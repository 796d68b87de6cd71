-- The high-water mark; NULL before the first window was closed.
SELECT nullif(p.sealed_until, '-infinity') AS sealed_until FROM etl.pipeline AS p WHERE p.name = 'web_traffic';
