CREATE SCHEMA es;

ALTER SCHEMA es OWNER TO es_owner;

CREATE SCHEMA notifications;

ALTER SCHEMA notifications OWNER TO box_office_owner;

CREATE SCHEMA payments;

ALTER SCHEMA payments OWNER TO box_office_owner;

CREATE SCHEMA reservations;

ALTER SCHEMA reservations OWNER TO box_office_owner;

CREATE SCHEMA verification;

ALTER SCHEMA verification OWNER TO box_office_owner;

CREATE SCHEMA views;

ALTER SCHEMA views OWNER TO box_office_owner;

CREATE FUNCTION es.append(p_slice integer, p_stream text, p_expected bigint, p_command uuid, p_hash uuid, p_event_ids uuid[], p_types text[], p_schemas smallint[], p_data jsonb[], p_metadata jsonb, OUT outcome text, OUT first_version bigint, OUT last_version bigint, OUT last_position bigint, OUT recorded_at timestamp with time zone) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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
END $$;

ALTER FUNCTION es.append(p_slice integer, p_stream text, p_expected bigint, p_command uuid, p_hash uuid, p_event_ids uuid[], p_types text[], p_schemas smallint[], p_data jsonb[], p_metadata jsonb, OUT outcome text, OUT first_version bigint, OUT last_version bigint, OUT last_position bigint, OUT recorded_at timestamp with time zone) OWNER TO es_owner;

CREATE FUNCTION es.event_hash(previous bytea, slice integer, "position" bigint, version bigint, recorded_at timestamp with time zone, event_id uuid, command_id uuid, command_hash uuid, ordinal smallint, command_size smallint, schema_version smallint, stream_id text, event_type text, data jsonb, metadata jsonb) RETURNS bytea
    LANGUAGE sql STABLE
    RETURN sha256(convert_to((json_build_array(encode(previous, 'hex'::text), slice, "position", version, EXTRACT(epoch FROM recorded_at), event_id, command_id, command_hash, ordinal, command_size, schema_version, stream_id, event_type, data, metadata))::text, 'UTF8'::name));

ALTER FUNCTION es.event_hash(previous bytea, slice integer, "position" bigint, version bigint, recorded_at timestamp with time zone, event_id uuid, command_id uuid, command_hash uuid, ordinal smallint, command_size smallint, schema_version smallint, stream_id text, event_type text, data jsonb, metadata jsonb) OWNER TO es_owner;

CREATE FUNCTION es.now() RETURNS timestamp with time zone
    LANGUAGE sql
    RETURN clock_timestamp();

ALTER FUNCTION es.now() OWNER TO es_owner;

CREATE FUNCTION es.refuse() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  RAISE restrict_violation USING MESSAGE = 'es.event is append-only';
END $$;

ALTER FUNCTION es.refuse() OWNER TO es_owner;

CREATE TABLE es.event (
    "position" bigint NOT NULL,
    version bigint NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    event_id uuid NOT NULL,
    command_id uuid NOT NULL,
    command_hash uuid NOT NULL,
    slice integer NOT NULL,
    ordinal smallint NOT NULL,
    command_size smallint NOT NULL,
    schema_version smallint NOT NULL,
    stream_id text NOT NULL COLLATE pg_catalog."C",
    event_type text NOT NULL COLLATE pg_catalog."C",
    data jsonb NOT NULL,
    metadata jsonb NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT event_numbers CHECK ((("position" > 0) AND (version > 0) AND (ordinal >= 0) AND (ordinal < command_size)))
)
WITH (autovacuum_vacuum_insert_scale_factor='0.05', autovacuum_analyze_scale_factor='0.02');

ALTER TABLE es.event OWNER TO es_owner;

CREATE TABLE es.slice (
    slice integer NOT NULL,
    category text NOT NULL,
    floor bigint DEFAULT 0 NOT NULL,
    floor_hash bytea DEFAULT '\x'::bytea NOT NULL,
    sealed bigint DEFAULT 0 NOT NULL,
    sealed_hash bytea DEFAULT '\x'::bytea NOT NULL
);

ALTER TABLE es.slice OWNER TO es_owner;

CREATE FUNCTION es.seal() RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 UPDATE es.slice s SET sealed = behind."position", sealed_hash = behind.hash
    FROM ( SELECT old.slice,
             last."position",
             last.hash
            FROM (es.slice old
              CROSS JOIN LATERAL ( SELECT e."position",
                     e.hash
                    FROM es.event e
                   WHERE (e.slice = old.slice)
                   ORDER BY e."position" DESC
                  LIMIT 1) last)
           WHERE ((last."position" > old.sealed) AND ((old.sealed <= old.floor) OR (EXISTS ( SELECT
                    FROM es.event e
                   WHERE ((e.slice = old.slice) AND (e."position" = old.sealed) AND (e.hash = old.sealed_hash))))))
          FOR NO KEY UPDATE OF old SKIP LOCKED) behind
   WHERE (s.slice = behind.slice);
END;

ALTER FUNCTION es.seal() OWNER TO es_owner;

CREATE FUNCTION reservations.refuse() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  RAISE restrict_violation USING MESSAGE = 'reservations.journal is append-only';
END $$;

ALTER FUNCTION reservations.refuse() OWNER TO box_office_owner;

CREATE TABLE es.checkpoint (
    consumer text NOT NULL,
    generation integer NOT NULL,
    slice integer NOT NULL,
    "position" bigint DEFAULT 0 NOT NULL,
    epoch bigint DEFAULT 0 NOT NULL,
    owner uuid
)
WITH (fillfactor='50');

ALTER TABLE es.checkpoint OWNER TO es_owner;

CREATE TABLE es.dead_letter (
    consumer text NOT NULL,
    generation integer NOT NULL,
    slice integer NOT NULL,
    "position" bigint NOT NULL,
    stream_id text NOT NULL COLLATE pg_catalog."C",
    attempts integer NOT NULL,
    error text NOT NULL,
    parked_at timestamp with time zone NOT NULL,
    resolved_at timestamp with time zone
);

ALTER TABLE es.dead_letter OWNER TO es_owner;

CREATE TABLE es.member (
    consumer text NOT NULL,
    member uuid NOT NULL,
    seen_at timestamp with time zone NOT NULL
)
WITH (fillfactor='50');

ALTER TABLE es.member OWNER TO es_owner;

CREATE TABLE notifications.mark (
    kind text NOT NULL,
    about text NOT NULL COLLATE pg_catalog."C",
    marked_at timestamp with time zone DEFAULT es.now() NOT NULL,
    sent_at timestamp with time zone
);

ALTER TABLE notifications.mark OWNER TO box_office_owner;

CREATE TABLE payments.notice (
    notice_id text NOT NULL COLLATE pg_catalog."C",
    type text NOT NULL,
    payment_id text NOT NULL COLLATE pg_catalog."C",
    received_at timestamp with time zone DEFAULT es.now() NOT NULL,
    content jsonb NOT NULL
);

ALTER TABLE payments.notice OWNER TO box_office_owner;

CREATE TABLE public.migration (
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

ALTER TABLE public.migration OWNER TO box_office_owner;

CREATE TABLE reservations.concert (
    concert_id text NOT NULL COLLATE pg_catalog."C",
    title text NOT NULL,
    starts_at timestamp with time zone NOT NULL,
    currency text NOT NULL,
    hold interval,
    sales_open boolean NOT NULL,
    zones jsonb NOT NULL
);

ALTER TABLE reservations.concert OWNER TO box_office_owner;

CREATE TABLE reservations.hold (
    concert_id text NOT NULL COLLATE pg_catalog."C",
    seat_row integer NOT NULL,
    seat_number integer NOT NULL,
    booking_id text NOT NULL COLLATE pg_catalog."C",
    attempt bigint NOT NULL
);

ALTER TABLE reservations.hold OWNER TO box_office_owner;

CREATE TABLE reservations.journal (
    entry bigint NOT NULL,
    recorded_at timestamp with time zone DEFAULT es.now() NOT NULL,
    what text NOT NULL,
    booking_id text NOT NULL COLLATE pg_catalog."C",
    attempt bigint NOT NULL,
    concert_id text COLLATE pg_catalog."C",
    seats jsonb NOT NULL,
    CONSTRAINT journal_what_check CHECK ((what = ANY (ARRAY['held'::text, 'refused'::text, 'released'::text, 'tombstone'::text])))
);

ALTER TABLE reservations.journal OWNER TO box_office_owner;

ALTER TABLE reservations.journal ALTER COLUMN entry ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME reservations.journal_entry_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE reservations.reservation (
    booking_id text NOT NULL COLLATE pg_catalog."C",
    attempt bigint NOT NULL,
    concert_id text COLLATE pg_catalog."C",
    seats jsonb,
    answer jsonb,
    released_at timestamp with time zone,
    CONSTRAINT reservation_answered CHECK ((num_nulls(concert_id, seats, answer) = ANY (ARRAY[0, 3])))
);

ALTER TABLE reservations.reservation OWNER TO box_office_owner;

CREATE TABLE reservations.seat (
    concert_id text NOT NULL COLLATE pg_catalog."C",
    seat_row integer NOT NULL,
    seat_number integer NOT NULL,
    price_minor bigint NOT NULL,
    CONSTRAINT seat_price_minor_check CHECK ((price_minor >= 0)),
    CONSTRAINT seat_seat_number_check CHECK ((seat_number > 0)),
    CONSTRAINT seat_seat_row_check CHECK ((seat_row > 0))
);

ALTER TABLE reservations.seat OWNER TO box_office_owner;

CREATE VIEW verification.booking_event AS
 SELECT substr(stream_id, (length('booking-'::text) + 1)) AS booking_id,
    slice,
    "position",
    version,
    event_type,
    data,
        CASE event_type
            WHEN 'BookingPlaced'::text THEN 'awaiting_confirmation'::text
            WHEN 'BookingConfirmed'::text THEN 'confirmed'::text
            WHEN 'BookingDenied'::text THEN 'denied'::text
            WHEN 'BookingCancelled'::text THEN 'cancelled'::text
            WHEN 'BookingExpired'::text THEN 'expired'::text
            WHEN 'BookingReinstated'::text THEN 'confirmed'::text
            WHEN 'BookingSettled'::text THEN 'settled'::text
            ELSE NULL::text
        END AS status
   FROM es.event e
  WHERE (stream_id ~~ 'booking-%'::text);

ALTER VIEW verification.booking_event OWNER TO box_office_owner;

CREATE VIEW verification.booking AS
 SELECT booking_id,
    max(slice) AS slice,
    max("position") AS "position",
    max(version) AS version,
    (array_agg(status ORDER BY e.version DESC) FILTER (WHERE (status IS NOT NULL)))[1] AS status,
    (count(*) FILTER (WHERE (status = ANY (ARRAY['denied'::text, 'cancelled'::text, 'expired'::text, 'settled'::text]))) - count(*) FILTER (WHERE (event_type = 'BookingReinstated'::text))) AS endings,
    max((data ->> 'concert_id'::text)) FILTER (WHERE (event_type = 'BookingPlaced'::text)) AS concert_id,
    max((data ->> 'payment_id'::text)) FILTER (WHERE (event_type = 'BookingPaid'::text)) AS payment_id,
    (array_agg((data -> 'total'::text)) FILTER (WHERE (event_type = 'BookingConfirmed'::text)))[1] AS total,
    (array_agg((data -> 'seats'::text)) FILTER (WHERE (event_type = 'BookingPlaced'::text)))[1] AS seats
   FROM verification.booking_event e
  GROUP BY booking_id;

ALTER VIEW verification.booking OWNER TO box_office_owner;

CREATE VIEW verification.held_seats AS
 SELECT booking_id,
    jsonb_agg(jsonb_build_array(concert_id, seat_row, seat_number) ORDER BY concert_id, seat_row, seat_number) AS seats
   FROM reservations.hold h
  GROUP BY booking_id;

ALTER VIEW verification.held_seats OWNER TO box_office_owner;

CREATE VIEW verification.payment AS
 SELECT substr(stream_id, (length('payment-'::text) + 1)) AS payment_id,
    (array_agg((data ->> 'booking_id'::text) ORDER BY version DESC) FILTER (WHERE (event_type = ANY (ARRAY['PaymentReported'::text, 'PaymentRefused'::text, 'PaymentReceived'::text]))))[1] AS booking_id,
    (array_agg((data -> 'amount'::text)) FILTER (WHERE (event_type = 'PaymentReceived'::text)))[1] AS amount,
    bool_or((event_type = 'PaymentApplied'::text)) AS applied,
    bool_or((event_type = 'PaymentRefundRequested'::text)) AS refund_requested,
    bool_or((event_type = 'PaymentRefunded'::text)) AS refunded,
        CASE (array_agg(event_type ORDER BY version DESC))[1]
            WHEN 'PaymentRefused'::text THEN (array_agg((data ->> 'reason'::text) ORDER BY version DESC))[1]
            ELSE NULL::text
        END AS refusal
   FROM es.event e
  WHERE (stream_id ~~ 'payment-%'::text)
  GROUP BY stream_id;

ALTER VIEW verification.payment OWNER TO box_office_owner;

CREATE VIEW verification.promised_seat AS
 SELECT r.booking_id,
    r.attempt,
    r.concert_id,
    s."row" AS seat_row,
    s.number AS seat_number
   FROM (reservations.reservation r
     CROSS JOIN LATERAL jsonb_to_recordset(r.seats) s("row" integer, number integer))
  WHERE (((r.answer ->> 'type'::text) = 'Reserved'::text) AND (r.released_at IS NULL));

ALTER VIEW verification.promised_seat OWNER TO box_office_owner;

CREATE TABLE views.booking (
    booking_id text NOT NULL COLLATE pg_catalog."C",
    client_id text NOT NULL COLLATE pg_catalog."C",
    concert_id text NOT NULL COLLATE pg_catalog."C",
    seats jsonb NOT NULL,
    tickets jsonb NOT NULL,
    total jsonb,
    status text NOT NULL COLLATE pg_catalog."C",
    reason text,
    placed_at timestamp with time zone NOT NULL,
    confirmed_at timestamp with time zone,
    expires_at timestamp with time zone,
    settled_at timestamp with time zone,
    ended_at timestamp with time zone,
    payment_id text COLLATE pg_catalog."C",
    version bigint NOT NULL,
    CONSTRAINT booking_version_check CHECK ((version > 0))
);

ALTER TABLE views.booking OWNER TO box_office_owner;

CREATE TABLE views.payment (
    payment_id text NOT NULL COLLATE pg_catalog."C",
    booking_id text NOT NULL COLLATE pg_catalog."C",
    payer text,
    amount jsonb,
    status text NOT NULL COLLATE pg_catalog."C",
    refund_reason text,
    refund_ref text,
    received_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    version bigint NOT NULL,
    refusal text,
    CONSTRAINT payment_version_check CHECK ((version > 0))
);

ALTER TABLE views.payment OWNER TO box_office_owner;

ALTER TABLE ONLY es.checkpoint
    ADD CONSTRAINT checkpoint_pkey PRIMARY KEY (consumer, generation, slice);

ALTER TABLE ONLY es.dead_letter
    ADD CONSTRAINT dead_letter_pkey PRIMARY KEY (consumer, generation, slice, "position");

ALTER TABLE ONLY es.event
    ADD CONSTRAINT event_position PRIMARY KEY (slice, "position");

ALTER TABLE ONLY es.event
    ADD CONSTRAINT event_version UNIQUE (stream_id, version);

ALTER TABLE ONLY es.member
    ADD CONSTRAINT member_pkey PRIMARY KEY (consumer, member);

ALTER TABLE ONLY es.slice
    ADD CONSTRAINT slice_pkey PRIMARY KEY (slice);

ALTER TABLE ONLY notifications.mark
    ADD CONSTRAINT mark_key PRIMARY KEY (kind, about);

ALTER TABLE ONLY payments.notice
    ADD CONSTRAINT notice_key PRIMARY KEY (notice_id);

ALTER TABLE ONLY public.migration
    ADD CONSTRAINT migration_pkey PRIMARY KEY (name);

ALTER TABLE ONLY reservations.concert
    ADD CONSTRAINT concert_pkey PRIMARY KEY (concert_id);

ALTER TABLE ONLY reservations.hold
    ADD CONSTRAINT hold_one_per_seat PRIMARY KEY (concert_id, seat_row, seat_number);

ALTER TABLE ONLY reservations.journal
    ADD CONSTRAINT journal_pkey PRIMARY KEY (entry);

ALTER TABLE ONLY reservations.reservation
    ADD CONSTRAINT reservation_key PRIMARY KEY (booking_id, attempt);

ALTER TABLE ONLY reservations.seat
    ADD CONSTRAINT seat_key PRIMARY KEY (concert_id, seat_row, seat_number);

ALTER TABLE ONLY views.booking
    ADD CONSTRAINT booking_pkey PRIMARY KEY (booking_id);

ALTER TABLE ONLY views.payment
    ADD CONSTRAINT payment_pkey PRIMARY KEY (payment_id);

CREATE INDEX dead_letter_unresolved ON es.dead_letter USING btree (consumer, generation, slice, stream_id) WHERE (resolved_at IS NULL);

CREATE UNIQUE INDEX event_command ON es.event USING btree (stream_id, command_id) WHERE (ordinal = 0);

CREATE INDEX event_recorded_at ON es.event USING brin (recorded_at);

CREATE INDEX slice_category ON es.slice USING btree (category);

CREATE INDEX mark_unsent ON notifications.mark USING btree (marked_at) WHERE (sent_at IS NULL);

CREATE INDEX notice_by_payment ON payments.notice USING btree (payment_id);

CREATE INDEX hold_of_reservation ON reservations.hold USING btree (booking_id, attempt);

CREATE INDEX booking_by_client ON views.booking USING btree (client_id, placed_at DESC, booking_id DESC);

CREATE INDEX booking_by_concert ON views.booking USING btree (concert_id, placed_at DESC, booking_id DESC);

CREATE INDEX booking_by_concert_and_status ON views.booking USING btree (concert_id, status, placed_at DESC, booking_id DESC);

CREATE INDEX booking_overdue ON views.booking USING btree (expires_at, booking_id) WHERE (status = 'confirmed'::text);

CREATE INDEX booking_unconfirmed ON views.booking USING btree (placed_at) WHERE (status = 'awaiting_confirmation'::text);

CREATE INDEX payment_by_booking ON views.payment USING btree (booking_id, received_at);

CREATE INDEX payment_under_way ON views.payment USING btree (received_at) WHERE (ended_at IS NULL);

CREATE TRIGGER event_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON es.event FOR EACH STATEMENT EXECUTE FUNCTION es.refuse();

ALTER TABLE es.event ENABLE ALWAYS TRIGGER event_append_only;

CREATE TRIGGER journal_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON reservations.journal FOR EACH STATEMENT EXECUTE FUNCTION reservations.refuse();

ALTER TABLE ONLY reservations.hold
    ADD CONSTRAINT hold_reservation FOREIGN KEY (booking_id, attempt) REFERENCES reservations.reservation(booking_id, attempt);

ALTER TABLE ONLY reservations.hold
    ADD CONSTRAINT hold_seat FOREIGN KEY (concert_id, seat_row, seat_number) REFERENCES reservations.seat(concert_id, seat_row, seat_number);

ALTER TABLE ONLY reservations.seat
    ADD CONSTRAINT seat_concert_id_fkey FOREIGN KEY (concert_id) REFERENCES reservations.concert(concert_id);

GRANT USAGE ON SCHEMA es TO box_office_consumer;
GRANT USAGE ON SCHEMA es TO box_office_reader;
GRANT USAGE ON SCHEMA es TO box_office_receiver;
GRANT USAGE ON SCHEMA es TO box_office_worker;

GRANT USAGE ON SCHEMA notifications TO box_office_reader;
GRANT USAGE ON SCHEMA notifications TO box_office_worker;

GRANT USAGE ON SCHEMA payments TO box_office_reader;
GRANT USAGE ON SCHEMA payments TO box_office_receiver;
GRANT USAGE ON SCHEMA payments TO box_office_worker;

GRANT USAGE ON SCHEMA reservations TO box_office_consumer;
GRANT USAGE ON SCHEMA reservations TO box_office_operator;
GRANT USAGE ON SCHEMA reservations TO box_office_reader;
GRANT USAGE ON SCHEMA reservations TO box_office_worker;

GRANT USAGE ON SCHEMA verification TO box_office_reader;

GRANT USAGE ON SCHEMA views TO box_office_consumer;
GRANT USAGE ON SCHEMA views TO box_office_operator;
GRANT USAGE ON SCHEMA views TO box_office_reader;

REVOKE ALL ON FUNCTION es.append(p_slice integer, p_stream text, p_expected bigint, p_command uuid, p_hash uuid, p_event_ids uuid[], p_types text[], p_schemas smallint[], p_data jsonb[], p_metadata jsonb, OUT outcome text, OUT first_version bigint, OUT last_version bigint, OUT last_position bigint, OUT recorded_at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION es.append(p_slice integer, p_stream text, p_expected bigint, p_command uuid, p_hash uuid, p_event_ids uuid[], p_types text[], p_schemas smallint[], p_data jsonb[], p_metadata jsonb, OUT outcome text, OUT first_version bigint, OUT last_version bigint, OUT last_position bigint, OUT recorded_at timestamp with time zone) TO box_office_worker;
GRANT ALL ON FUNCTION es.append(p_slice integer, p_stream text, p_expected bigint, p_command uuid, p_hash uuid, p_event_ids uuid[], p_types text[], p_schemas smallint[], p_data jsonb[], p_metadata jsonb, OUT outcome text, OUT first_version bigint, OUT last_version bigint, OUT last_position bigint, OUT recorded_at timestamp with time zone) TO box_office_receiver;

REVOKE ALL ON FUNCTION es.event_hash(previous bytea, slice integer, "position" bigint, version bigint, recorded_at timestamp with time zone, event_id uuid, command_id uuid, command_hash uuid, ordinal smallint, command_size smallint, schema_version smallint, stream_id text, event_type text, data jsonb, metadata jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION es.now() FROM PUBLIC;
GRANT ALL ON FUNCTION es.now() TO box_office_worker;
GRANT ALL ON FUNCTION es.now() TO box_office_consumer;
GRANT ALL ON FUNCTION es.now() TO box_office_receiver;
GRANT ALL ON FUNCTION es.now() TO box_office_reader;

REVOKE ALL ON FUNCTION es.refuse() FROM PUBLIC;

GRANT SELECT ON TABLE es.event TO box_office_worker;
GRANT SELECT ON TABLE es.event TO box_office_consumer;
GRANT SELECT ON TABLE es.event TO box_office_receiver;
GRANT SELECT ON TABLE es.event TO box_office_reader;

GRANT SELECT ON TABLE es.slice TO box_office_worker;
GRANT SELECT ON TABLE es.slice TO box_office_consumer;
GRANT SELECT ON TABLE es.slice TO box_office_receiver;
GRANT SELECT ON TABLE es.slice TO box_office_reader;

REVOKE ALL ON FUNCTION es.seal() FROM PUBLIC;
GRANT ALL ON FUNCTION es.seal() TO box_office_consumer;

REVOKE ALL ON FUNCTION reservations.refuse() FROM PUBLIC;

GRANT SELECT,INSERT,UPDATE ON TABLE es.checkpoint TO box_office_consumer;
GRANT SELECT ON TABLE es.checkpoint TO box_office_reader;

GRANT SELECT,INSERT,UPDATE ON TABLE es.dead_letter TO box_office_consumer;
GRANT SELECT ON TABLE es.dead_letter TO box_office_reader;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE es.member TO box_office_consumer;
GRANT SELECT ON TABLE es.member TO box_office_reader;

GRANT SELECT,INSERT,UPDATE ON TABLE notifications.mark TO box_office_worker;
GRANT SELECT ON TABLE notifications.mark TO box_office_reader;

GRANT SELECT ON TABLE payments.notice TO box_office_worker;
GRANT SELECT,INSERT ON TABLE payments.notice TO box_office_receiver;
GRANT SELECT ON TABLE payments.notice TO box_office_reader;

GRANT SELECT ON TABLE reservations.concert TO box_office_worker;
GRANT SELECT ON TABLE reservations.concert TO box_office_consumer;
GRANT SELECT ON TABLE reservations.concert TO box_office_reader;
GRANT INSERT,UPDATE ON TABLE reservations.concert TO box_office_operator;

GRANT SELECT,INSERT,DELETE ON TABLE reservations.hold TO box_office_worker;
GRANT SELECT ON TABLE reservations.hold TO box_office_consumer;
GRANT SELECT ON TABLE reservations.hold TO box_office_reader;

GRANT INSERT ON TABLE reservations.journal TO box_office_worker;
GRANT SELECT ON TABLE reservations.journal TO box_office_reader;

GRANT SELECT,INSERT,UPDATE ON TABLE reservations.reservation TO box_office_worker;
GRANT SELECT ON TABLE reservations.reservation TO box_office_reader;

GRANT SELECT ON TABLE reservations.seat TO box_office_worker;
GRANT SELECT ON TABLE reservations.seat TO box_office_consumer;
GRANT SELECT ON TABLE reservations.seat TO box_office_reader;
GRANT INSERT,DELETE,UPDATE ON TABLE reservations.seat TO box_office_operator;

GRANT SELECT ON TABLE verification.booking_event TO box_office_reader;

GRANT SELECT ON TABLE verification.booking TO box_office_reader;

GRANT SELECT ON TABLE verification.held_seats TO box_office_reader;

GRANT SELECT ON TABLE verification.payment TO box_office_reader;

GRANT SELECT ON TABLE verification.promised_seat TO box_office_reader;

GRANT SELECT,INSERT,UPDATE ON TABLE views.booking TO box_office_consumer;
GRANT SELECT ON TABLE views.booking TO box_office_reader;
GRANT DELETE ON TABLE views.booking TO box_office_operator;

GRANT SELECT,INSERT,UPDATE ON TABLE views.payment TO box_office_consumer;
GRANT SELECT ON TABLE views.payment TO box_office_reader;
GRANT DELETE ON TABLE views.payment TO box_office_operator;
