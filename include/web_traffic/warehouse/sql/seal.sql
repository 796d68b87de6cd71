-- Advance sealed_until to the batch's watermark; it never goes back. Run under the pipeline's row lock.
UPDATE etl.pipeline
SET sealed_until = greatest(sealed_until, %(watermark)s), updated_at = now()
WHERE name = 'web_traffic';
