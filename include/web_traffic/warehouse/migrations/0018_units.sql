-- What the figures of quality rules count.

ALTER TABLE etl.quality_result ADD COLUMN unit text;
COMMENT ON COLUMN etl.quality_result.unit IS 'What observed counts, such as minutes; share is a part of 1; NULL for older results';
