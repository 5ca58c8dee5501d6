-- A payment that was reported has no content until its provider was asked.

ALTER TABLE views.payment
  ALTER COLUMN payer DROP NOT NULL,
  ALTER COLUMN amount DROP NOT NULL,
  ADD COLUMN refusal text;

CREATE INDEX notice_by_payment ON payments.notice (payment_id);

-- Money that the provider does not have was never received, whatever was recorded of it before.
CREATE OR REPLACE VIEW verification.payment AS
SELECT substr(e.stream_id, length('payment-') + 1) AS payment_id,
       (array_agg(e.data ->> 'booking_id' ORDER BY e.version DESC)
         FILTER (WHERE e.event_type IN ('PaymentReported', 'PaymentRefused', 'PaymentReceived')))[1]
         AS booking_id,
       (array_agg(e.data -> 'amount') FILTER (WHERE e.event_type = 'PaymentReceived'))[1] AS amount,
       bool_or(e.event_type = 'PaymentApplied') AS applied,
       bool_or(e.event_type = 'PaymentRefundRequested') AS refund_requested,
       bool_or(e.event_type = 'PaymentRefunded') AS refunded,
       CASE (array_agg(e.event_type ORDER BY e.version DESC))[1] WHEN 'PaymentRefused'
         THEN (array_agg(e.data ->> 'reason' ORDER BY e.version DESC))[1] END AS refusal
  FROM es.event e
 WHERE e.stream_id LIKE 'payment-%'
 GROUP BY e.stream_id;
