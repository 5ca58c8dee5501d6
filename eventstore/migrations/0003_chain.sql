-- Every slice is a hash chain: an event's hash covers the event and the hash of the one before it.
-- docs/decisions/0019-every-slice-is-a-hash-chain.md

SET LOCAL ROLE es_owner;

ALTER TABLE es.slice
  ADD COLUMN floor_hash bytea NOT NULL DEFAULT '',  -- of the event at the floor
  ADD COLUMN sealed bigint NOT NULL DEFAULT 0,  -- a position that es.seal saw
  ADD COLUMN sealed_hash bytea NOT NULL DEFAULT '';  -- of the event there, at that time

-- What is hashed never changes, or what is stored no longer fits: a test pins a value. It depends
-- on no setting of the session, hence seconds instead of a timestamp, and UTF-8.
CREATE FUNCTION es.event_hash(
  previous bytea, slice integer, "position" bigint, version bigint, recorded_at timestamptz,
  event_id uuid, command_id uuid, command_hash uuid, ordinal smallint, command_size smallint,
  schema_version smallint, stream_id text, event_type text, data jsonb, metadata jsonb
) RETURNS bytea LANGUAGE sql STABLE RETURN sha256(convert_to(json_build_array(
  encode(previous, 'hex'), slice, "position", version, extract(epoch FROM recorded_at), event_id,
  command_id, command_hash, ordinal, command_size, schema_version, stream_id, event_type, data,
  metadata)::text, 'UTF8'));
REVOKE ALL ON FUNCTION es.event_hash FROM PUBLIC;

ALTER TABLE es.event ADD COLUMN hash bytea;

-- What was stored without hashes is chained as it stands: a later change shows.
ALTER TABLE es.event DISABLE TRIGGER event_append_only;
DO $chain$
DECLARE
  s es.slice;
  e es.event;
BEGIN
  FOR s IN SELECT * FROM es.slice LOOP
    s.sealed := s.floor;
    s.sealed_hash := s.floor_hash;
    FOR e IN SELECT * FROM es.event WHERE event.slice = s.slice ORDER BY position LOOP
      s.sealed := e.position;
      s.sealed_hash := es.event_hash(
        s.sealed_hash, e.slice, e.position, e.version, e.recorded_at, e.event_id, e.command_id,
        e.command_hash, e.ordinal, e.command_size, e.schema_version, e.stream_id, e.event_type,
        e.data, e.metadata);
      UPDATE es.event SET hash = s.sealed_hash
       WHERE event.slice = e.slice AND event.position = e.position;
    END LOOP;
    UPDATE es.slice SET sealed = s.sealed, sealed_hash = s.sealed_hash
     WHERE slice.slice = s.slice;
  END LOOP;
END $chain$;
ALTER TABLE es.event ENABLE ALWAYS TRIGGER event_append_only;
ALTER TABLE es.event ALTER COLUMN hash SET NOT NULL;

-- As before, and each event is chained, and its stream must be of the slice's category: that of the
-- events that are there. The arrays are read at 1 to n: with other bounds or more dimensions, a part
-- is NULL there and refused. A new stream has no command to ask for, which pays for the hash.
CREATE OR REPLACE FUNCTION es.append(
  p_slice integer, p_stream text,
  p_expected bigint,  -- n: exactly n events (0: no stream), -1: any, -2: at least one
  p_command uuid, p_hash uuid,
  p_event_ids uuid[], p_types text[], p_schemas smallint[], p_data jsonb[], p_metadata jsonb,
  OUT outcome text, OUT first_version bigint, OUT last_version bigint, OUT last_position bigint,
  OUT recorded_at timestamptz
) LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fn$
DECLARE
  n constant integer := cardinality(p_event_ids);
  known uuid;
  head bigint;
  home integer;
  pos bigint;
  link bytea;
  category text;
BEGIN
  -- A NULL would make the comparisons below neither true nor false. Above READ COMMITTED the
  -- statements below would not see what was committed while this one waited for the lock.
  IF num_nulls(p_slice, p_stream, p_expected, p_command, p_hash, p_event_ids, p_types, p_schemas,
               p_data, p_metadata) > 0
     OR n = 0 OR p_expected < -2
     OR (cardinality(p_types), cardinality(p_schemas), cardinality(p_data)) <> (n, n, n)
     OR jsonb_typeof(p_metadata) <> 'object'
     OR current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE invalid_parameter_value
      USING MESSAGE = 'es.append: malformed arguments, or not READ COMMITTED';
  END IF;

  -- Enter the slice. The lock is released after the commit is visible to every new snapshot;
  -- without it two appends would compute the same position and one would fail.
  PERFORM pg_advisory_xact_lock('es.event'::regclass::oid::integer, p_slice);

  SELECT e.version, e.slice INTO head, home
    FROM es.event e WHERE e.stream_id = p_stream ORDER BY e.version DESC LIMIT 1;
  IF head IS NULL THEN
    head := 0;
  ELSE
    -- This command again? Asked before the version, or a retry would see its own success as a
    -- conflict.
    SELECT e.command_hash, e.version, e.version + e.command_size - 1,
           e.position + e.command_size - 1, e.recorded_at
      INTO known, first_version, last_version, last_position, recorded_at
      FROM es.event e
     WHERE e.stream_id = p_stream AND e.command_id = p_command AND e.ordinal = 0;
    IF FOUND THEN
      outcome := CASE WHEN known = p_hash THEN 'duplicate' ELSE 'reused' END;
      RETURN;
    END IF;
  END IF;
  IF NOT (p_expected = -1 OR (p_expected = -2 AND head > 0) OR p_expected = head) THEN
    outcome := 'conflict';
    last_version := head;
    RETURN;
  END IF;

  SELECT e.position, e.hash, split_part(e.stream_id, '-', 1)
    INTO pos, link, category
    FROM es.event e WHERE e.slice = p_slice ORDER BY e.position DESC LIMIT 1;
  IF NOT FOUND THEN
    SELECT s.floor, s.floor_hash, s.category INTO pos, link, category
      FROM es.slice s WHERE s.slice = p_slice;
  END IF;
  IF home <> p_slice OR category IS DISTINCT FROM split_part(p_stream, '-', 1) THEN
    RAISE invalid_parameter_value
      USING MESSAGE = format('es.append: stream %s does not live in slice %s', p_stream, p_slice);
  END IF;

  recorded_at := es.now();
  FOR i IN 1..n LOOP
    IF jsonb_typeof(p_data[i]) <> 'object' THEN
      RAISE invalid_parameter_value USING MESSAGE = 'es.append: data is not an object';
    END IF;
    link := es.event_hash(
      link, p_slice, pos + i, head + i, recorded_at, p_event_ids[i], p_command, p_hash,
      (i - 1)::smallint, n::smallint, p_schemas[i], p_stream, p_types[i], p_data[i], p_metadata);
    INSERT INTO es.event (position, version, recorded_at, event_id, command_id, command_hash, slice,
                          ordinal, command_size, schema_version, stream_id, event_type, data,
                          metadata, hash)
    VALUES (pos + i, head + i, recorded_at, p_event_ids[i], p_command, p_hash, p_slice, i - 1, n,
            p_schemas[i], p_stream, p_types[i], p_data[i], p_metadata, link);
  END LOOP;
  outcome := 'appended';
  first_version := head + 1;
  last_version := head + n;
  last_position := pos + n;
END $fn$;

-- Remembers where the slices end, because es.append continues from what is there, also when the last
-- event was removed. A seal stays where it is when its event is gone, or is another one.
CREATE FUNCTION es.seal() RETURNS void
  LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  UPDATE es.slice AS s
     SET sealed = behind.position, sealed_hash = behind.hash
    FROM (SELECT old.slice, last.position, last.hash
            FROM es.slice AS old
           CROSS JOIN LATERAL (
                 SELECT e.position, e.hash FROM es.event AS e
                  WHERE e.slice = old.slice
                  ORDER BY e.position DESC
                  LIMIT 1) AS last
           WHERE last.position > old.sealed
             AND (old.sealed <= old.floor OR EXISTS (
                  SELECT FROM es.event AS e
                   WHERE e.slice = old.slice AND e.position = old.sealed
                     AND e.hash = old.sealed_hash))
             FOR NO KEY UPDATE OF old SKIP LOCKED) AS behind  -- others seal at the same time
   WHERE s.slice = behind.slice;
END;
REVOKE ALL ON FUNCTION es.seal FROM PUBLIC;
GRANT EXECUTE ON FUNCTION es.seal TO es_consumer;

RESET ROLE;
