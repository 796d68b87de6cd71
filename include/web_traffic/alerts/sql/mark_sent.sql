-- Note that a message was sent.
UPDATE etl.alert SET unsent = array_remove(unsent, %(entry)s) WHERE alert_id = %(alert_id)s;
