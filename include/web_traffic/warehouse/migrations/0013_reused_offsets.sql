-- After the log of a partition was cut, other records come to the offsets of records that were rejected. These stay, but
-- no longer stand for what is at their place.

GRANT UPDATE (topic_id) ON etl.rejected_event TO web_traffic_writer;
COMMENT ON COLUMN etl.rejected_event.topic_id IS 'Kafka''s id of the topic: a topic that is made anew under the same name has another one; with ~ and a run, the record is lost';
