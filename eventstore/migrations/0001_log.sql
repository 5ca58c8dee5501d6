-- The log: slices, events, the one way to append, and how far each consumer is.

-- Roles belong to the whole cluster, and other databases of it may be migrated at this moment.
DO $roles$
DECLARE
  wanted text;
BEGIN
  FOREACH wanted IN ARRAY ARRAY['es_owner', 'es_writer', 'es_consumer'] LOOP
    IF to_regrole(wanted) IS NULL THEN
      BEGIN
        EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
      EXCEPTION WHEN duplicate_object OR unique_violation THEN
        NULL;  -- somebody was faster
      END;
    END IF;
  END LOOP;
  -- Superusers may already; a deploying role that only has CREATEROLE must be told.
  IF NOT pg_has_role(current_user, 'es_owner', 'SET') THEN
    EXECUTE format('GRANT es_owner TO %I', current_user);
  END IF;
END $roles$;

CREATE SCHEMA es AUTHORIZATION es_owner;
SET LOCAL ROLE es_owner;

CREATE TABLE es.slice (  -- ordering domains: 64 consecutive numbers per category, never changed
  slice integer PRIMARY KEY,
  category text NOT NULL,
  floor bigint NOT NULL DEFAULT 0  -- positions up to here were archived
);
CREATE INDEX slice_category ON es.slice (category);

INSERT INTO es.slice (slice, category)  -- as eventstore/slices.py says; a test compares the two
SELECT base + number, category
  FROM (VALUES ('booking', 0), ('payment', 64)) AS registered (category, base)
 CROSS JOIN generate_series(0, 63) AS number;

CREATE TABLE es.event (  -- widest alignment first
  position bigint NOT NULL,  -- 1, 2, 3 ... inside a slice
  version bigint NOT NULL,  -- 1, 2, 3 ... inside a stream
  recorded_at timestamptz NOT NULL,
  event_id uuid NOT NULL,  -- uuid5(command_id, stream_id + "/" + ordinal)
  command_id uuid NOT NULL,
  command_hash uuid NOT NULL,  -- digest of the command as received
  slice integer NOT NULL,  -- no foreign key: it would lock the parent row on every append
  ordinal smallint NOT NULL,  -- 0, 1, 2 ... inside a command
  command_size smallint NOT NULL,
  schema_version smallint NOT NULL,
  stream_id text COLLATE "C" NOT NULL,
  event_type text COLLATE "C" NOT NULL,
  data jsonb NOT NULL,
  metadata jsonb NOT NULL,
  CONSTRAINT event_position PRIMARY KEY (slice, position),
  CONSTRAINT event_version UNIQUE (stream_id, version),
  CONSTRAINT event_numbers
    CHECK (position > 0 AND version > 0 AND ordinal >= 0 AND ordinal < command_size)
) WITH (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02);

CREATE UNIQUE INDEX event_command ON es.event (stream_id, command_id) WHERE ordinal = 0;
CREATE INDEX event_recorded_at ON es.event USING brin (recorded_at);

CREATE FUNCTION es.now() RETURNS timestamptz  -- the one clock; tests may replace it
  LANGUAGE sql VOLATILE RETURN clock_timestamp();

-- The only way to write an event. Returns the outcome:
--   appended   first_version, last_version, last_position, recorded_at
--   duplicate  the command was recorded before: the same four, of that time
--   reused     the command id was recorded with another hash
--   conflict   the stream is at last_version, not where the caller expected it
CREATE FUNCTION es.append(
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
BEGIN
  -- A NULL would make the comparisons below neither true nor false. Above READ COMMITTED the
  -- statements below would not see what was committed while this one waited for the lock.
  IF num_nulls(p_slice, p_stream, p_expected, p_command, p_hash, p_event_ids, p_types, p_schemas,
               p_data, p_metadata) > 0
     OR n = 0 OR p_expected < -2
     OR (cardinality(p_types), cardinality(p_schemas), cardinality(p_data)) <> (n, n, n)
     OR current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE invalid_parameter_value
      USING MESSAGE = 'es.append: malformed arguments, or not READ COMMITTED';
  END IF;

  -- Enter the slice. The lock is released after the commit is visible to every new snapshot;
  -- without it two appends would compute the same position and one would fail.
  PERFORM pg_advisory_xact_lock('es.event'::regclass::oid::integer, p_slice);

  -- This command again? Asked before the version, or a retry would see its own success as a conflict.
  SELECT e.command_hash, e.version, e.version + e.command_size - 1,
         e.position + e.command_size - 1, e.recorded_at
    INTO known, first_version, last_version, last_position, recorded_at
    FROM es.event e
   WHERE e.stream_id = p_stream AND e.command_id = p_command AND e.ordinal = 0;
  IF FOUND THEN
    outcome := CASE WHEN known = p_hash THEN 'duplicate' ELSE 'reused' END;
    RETURN;
  END IF;

  SELECT e.version, e.slice INTO head, home
    FROM es.event e WHERE e.stream_id = p_stream ORDER BY e.version DESC LIMIT 1;
  IF home <> p_slice THEN
    RAISE invalid_parameter_value
      USING MESSAGE = format('es.append: stream %s lives in slice %s, not %s', p_stream, home, p_slice);
  END IF;
  head := coalesce(head, 0);
  IF NOT (p_expected = -1 OR (p_expected = -2 AND head > 0) OR p_expected = head) THEN
    outcome := 'conflict';
    last_version := head;
    RETURN;
  END IF;

  SELECT e.position INTO pos
    FROM es.event e WHERE e.slice = p_slice ORDER BY e.position DESC LIMIT 1;
  IF NOT FOUND THEN
    SELECT s.floor INTO STRICT pos FROM es.slice s WHERE s.slice = p_slice;
  END IF;

  recorded_at := es.now();
  INSERT INTO es.event (position, version, recorded_at, event_id, command_id, command_hash, slice,
                        ordinal, command_size, schema_version, stream_id, event_type, data, metadata)
  SELECT pos + t.ord, head + t.ord, append.recorded_at, t.event_id, p_command, p_hash, p_slice,
         t.ord - 1, n, t.schema_version, p_stream, t.event_type, t.data, p_metadata
    FROM unnest(p_event_ids, p_types, p_schemas, p_data)
         WITH ORDINALITY AS t (event_id, event_type, schema_version, data, ord);
  outcome := 'appended';
  first_version := head + 1;
  last_version := head + n;
  last_position := pos + n;
END $fn$;

CREATE FUNCTION es.refuse() RETURNS trigger LANGUAGE plpgsql AS $fn$
BEGIN
  RAISE restrict_violation USING MESSAGE = 'es.event is append-only';
END $fn$;

CREATE TRIGGER event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON es.event
  FOR EACH STATEMENT EXECUTE FUNCTION es.refuse();
ALTER TABLE es.event ENABLE ALWAYS TRIGGER event_append_only;  -- in replica mode too

CREATE TABLE es.checkpoint (  -- no index on the columns that change, so updates stay in the page
  consumer text NOT NULL,
  generation integer NOT NULL,
  slice integer NOT NULL,
  position bigint NOT NULL DEFAULT 0,
  epoch bigint NOT NULL DEFAULT 0,  -- raised by every claim: an older owner moves nothing
  owner uuid,
  PRIMARY KEY (consumer, generation, slice)
) WITH (fillfactor = 50);

CREATE TABLE es.member (
  consumer text NOT NULL,
  member uuid NOT NULL,
  seen_at timestamptz NOT NULL,
  PRIMARY KEY (consumer, member)
) WITH (fillfactor = 50);

CREATE TABLE es.dead_letter (
  consumer text NOT NULL,
  generation integer NOT NULL,
  slice integer NOT NULL,
  position bigint NOT NULL,
  stream_id text COLLATE "C" NOT NULL,
  attempts integer NOT NULL,  -- 0: parked behind an earlier event of its stream
  error text NOT NULL,
  parked_at timestamptz NOT NULL,
  resolved_at timestamptz,
  PRIMARY KEY (consumer, generation, slice, position)
);
CREATE INDEX dead_letter_unresolved ON es.dead_letter (consumer, generation, slice, stream_id)
  WHERE resolved_at IS NULL;

REVOKE ALL ON FUNCTION es.append FROM PUBLIC;
GRANT USAGE ON SCHEMA es TO es_writer, es_consumer;
GRANT EXECUTE ON FUNCTION es.append TO es_writer;
GRANT SELECT ON es.slice, es.event TO es_writer, es_consumer;
GRANT SELECT, INSERT, UPDATE, DELETE ON es.checkpoint, es.member, es.dead_letter TO es_consumer;

RESET ROLE;
