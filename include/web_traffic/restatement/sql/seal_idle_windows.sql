-- Advance sealed_until over idle windows, in the transaction that writes them; it never goes back.
UPDATE etl.pipeline
SET sealed_until = greatest(sealed_until, %(restate_to)s), updated_at = now()
WHERE name = 'web_traffic';
