-- Bookings and payments as the log alone tells them, independently of the code that decides.

CREATE SCHEMA verification;

CREATE VIEW verification.booking_event AS
SELECT substr(e.stream_id, length('booking-') + 1) AS booking_id,
       e.slice, e.position, e.version, e.event_type, e.data,
       CASE e.event_type
         WHEN 'BookingPlaced' THEN 'awaiting_confirmation'
         WHEN 'BookingConfirmed' THEN 'confirmed'
         WHEN 'BookingDenied' THEN 'denied'
         WHEN 'BookingCancelled' THEN 'cancelled'
         WHEN 'BookingExpired' THEN 'expired'
         WHEN 'BookingReinstated' THEN 'confirmed'
         WHEN 'BookingSettled' THEN 'settled'
       END AS status  -- the status it leads to; NULL: it changes none
  FROM es.event e
 WHERE e.stream_id LIKE 'booking-%';

CREATE VIEW verification.booking AS
SELECT e.booking_id,
       max(e.slice) AS slice,
       max(e.position) AS position,
       max(e.version) AS version,
       (array_agg(e.status ORDER BY e.version DESC) FILTER (WHERE e.status IS NOT NULL))[1]
         AS status,
       count(*) FILTER (WHERE e.status IN ('denied', 'cancelled', 'expired', 'settled'))
         - count(*) FILTER (WHERE e.event_type = 'BookingReinstated') AS endings,
       max(e.data ->> 'concert_id') FILTER (WHERE e.event_type = 'BookingPlaced') AS concert_id,
       max(e.data ->> 'payment_id') FILTER (WHERE e.event_type = 'BookingPaid') AS payment_id,
       (array_agg(e.data -> 'total') FILTER (WHERE e.event_type = 'BookingConfirmed'))[1] AS total,
       (array_agg(e.data -> 'seats') FILTER (WHERE e.event_type = 'BookingPlaced'))[1] AS seats
  FROM verification.booking_event e
 GROUP BY e.booking_id;

CREATE VIEW verification.payment AS
SELECT substr(e.stream_id, length('payment-') + 1) AS payment_id,
       max(e.data ->> 'booking_id') AS booking_id,
       (array_agg(e.data -> 'amount') FILTER (WHERE e.event_type = 'PaymentReceived'))[1] AS amount,
       bool_or(e.event_type = 'PaymentApplied') AS applied,
       bool_or(e.event_type = 'PaymentRefundRequested') AS refund_requested,
       bool_or(e.event_type = 'PaymentRefunded') AS refunded
  FROM es.event e
 WHERE e.stream_id LIKE 'payment-%'
 GROUP BY e.stream_id;

CREATE VIEW verification.promised_seat AS  -- what the answers say, whatever the holds say
SELECT r.booking_id, r.attempt, r.concert_id, s."row" AS seat_row, s.number AS seat_number
  FROM reservations.reservation r
 CROSS JOIN jsonb_to_recordset(r.seats) AS s ("row" integer, number integer)
 WHERE r.answer ->> 'type' = 'Reserved' AND r.released_at IS NULL;

CREATE VIEW verification.held_seats AS
SELECT h.booking_id,
       jsonb_agg(jsonb_build_array(h.concert_id, h.seat_row, h.seat_number)
                 ORDER BY h.concert_id, h.seat_row, h.seat_number) AS seats
  FROM reservations.hold h
 GROUP BY h.booking_id;
