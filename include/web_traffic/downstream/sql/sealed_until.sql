-- Up to where windows are closed for good; no row before the first one.
SELECT p.sealed_until FROM etl.pipeline AS p
WHERE p.name = 'web_traffic' AND p.sealed_until > '-infinity';
