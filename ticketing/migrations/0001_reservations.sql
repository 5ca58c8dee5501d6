-- The seat inventory: what is on sale, who asked for what, who holds what. The clock is es.now().

CREATE SCHEMA reservations;

CREATE TABLE reservations.concert (
  concert_id text COLLATE "C" PRIMARY KEY,
  title text NOT NULL,
  starts_at timestamptz NOT NULL,
  currency text NOT NULL,
  hold interval,  -- how long reserved seats wait for payment; NULL: for ever
  sales_open boolean NOT NULL,
  zones jsonb NOT NULL
);

CREATE TABLE reservations.seat (
  concert_id text COLLATE "C" NOT NULL REFERENCES reservations.concert,
  seat_row integer NOT NULL CHECK (seat_row > 0),
  seat_number integer NOT NULL CHECK (seat_number > 0),
  price_minor bigint NOT NULL CHECK (price_minor >= 0),  -- in the concert's currency
  CONSTRAINT seat_key PRIMARY KEY (concert_id, seat_row, seat_number)
);

CREATE TABLE reservations.reservation (
  booking_id text COLLATE "C" NOT NULL,
  attempt integer NOT NULL,
  concert_id text COLLATE "C",  -- no foreign key: a refusal may be about an unknown concert
  seats jsonb,
  answer jsonb,  -- the first one; NULL when the release came before the request
  released_at timestamptz,  -- a tombstone: this attempt never holds seats again
  CONSTRAINT reservation_key PRIMARY KEY (booking_id, attempt),
  CONSTRAINT reservation_answered
    CHECK (num_nulls(concert_id, seats, answer) IN (0, 3))
);

CREATE TABLE reservations.hold (
  concert_id text COLLATE "C" NOT NULL,
  seat_row integer NOT NULL,
  seat_number integer NOT NULL,
  booking_id text COLLATE "C" NOT NULL,
  attempt integer NOT NULL,
  CONSTRAINT hold_one_per_seat PRIMARY KEY (concert_id, seat_row, seat_number),
  CONSTRAINT hold_seat  -- a held seat cannot be taken off the plan
    FOREIGN KEY (concert_id, seat_row, seat_number) REFERENCES reservations.seat,
  CONSTRAINT hold_reservation FOREIGN KEY (booking_id, attempt) REFERENCES reservations.reservation
);
CREATE INDEX hold_of_reservation ON reservations.hold (booking_id, attempt);

CREATE TABLE reservations.journal (  -- what happened to seats, for people; nothing reads it back
  entry bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  recorded_at timestamptz NOT NULL DEFAULT es.now(),
  what text NOT NULL CHECK (what IN ('held', 'refused', 'released', 'tombstone')),
  booking_id text COLLATE "C" NOT NULL,
  attempt integer NOT NULL,
  concert_id text COLLATE "C",
  seats jsonb NOT NULL
);

CREATE FUNCTION reservations.refuse() RETURNS trigger LANGUAGE plpgsql AS $fn$
BEGIN
  RAISE restrict_violation USING MESSAGE = 'reservations.journal is append-only';
END $fn$;

CREATE TRIGGER journal_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON reservations.journal
  FOR EACH STATEMENT EXECUTE FUNCTION reservations.refuse();
