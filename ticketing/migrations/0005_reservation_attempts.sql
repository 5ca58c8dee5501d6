-- A late payment reserves under an attempt made of its id (docs/decisions/0004).

ALTER TABLE reservations.hold ALTER COLUMN attempt TYPE bigint;
ALTER TABLE reservations.journal ALTER COLUMN attempt TYPE bigint;
DROP VIEW verification.promised_seat;
ALTER TABLE reservations.reservation ALTER COLUMN attempt TYPE bigint;
CREATE VIEW verification.promised_seat AS  -- what the answers say, whatever the holds say
SELECT r.booking_id, r.attempt, r.concert_id, s."row" AS seat_row, s.number AS seat_number
  FROM reservations.reservation r
 CROSS JOIN jsonb_to_recordset(r.seats) AS s ("row" integer, number integer)
 WHERE r.answer ->> 'type' = 'Reserved' AND r.released_at IS NULL;
