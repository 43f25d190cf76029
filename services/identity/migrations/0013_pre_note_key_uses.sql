-- Identifiers and codes are looked up with keys that are derived from those of `persons` and have their ids. Codes that
-- were used or revoked are not compared any more.
select watch_keys(used.by_table, used.in_column, used.ring, used.form, used.needed)
from (values
  ('persons', 'key_id', 'persons', 'kid', 'true'),
  ('contacts', 'key_id', 'persons', 'kid', 'true'),
  ('accounts', 'key_id', 'persons', 'kid', 'true'),
  ('accounts', 'totp_key_id', 'persons', 'kid', 'true'),
  ('devices', 'key_id', 'persons', 'kid', 'true'),
  ('challenges', 'key_id', 'persons', 'kid', 'true'),
  ('insured', 'key_id', 'persons', 'kid', 'true'),
  ('activation_waves', 'key_id', 'persons', 'kid', 'true'),
  ('online_openings', 'key_id', 'persons', 'kid', 'true'),
  ('representations', 'key_id', 'persons', 'kid', 'true'),
  ('care_relations', 'key_id', 'persons', 'kid', 'true'),
  ('minors', 'own_key_id', 'persons', 'kid', 'true'),
  ('people_to_call', 'key_id', 'persons', 'kid', 'true'),
  ('pending_sign_ins', 'key_id', 'persons', 'kid', 'true'),
  ('account_identifiers', 'fingerprint', 'persons', 'fingerprint', 'true'),
  ('activation_codes', 'code_hash', 'persons', 'fingerprint', 'used_at is null and revoked_at is null'),
  ('care_relations', 'code_hash', 'persons', 'fingerprint', 'status = ''pending'''),
  ('ins_fingerprints', 'fingerprint', 'ins_hmac', 'fingerprint', 'true'),
  ('opening_suppressions', 'fingerprint', 'ins_hmac', 'fingerprint', 'true'),
  ('insured', 'fingerprint', 'ins_hmac', 'fingerprint', 'true'),
  ('insured', 'card', 'ins_hmac', 'fingerprint', 'true'),
  ('contact_proposals', 'person', 'ins_hmac', 'fingerprint', 'true'),
  ('contact_proposals', 'contact_hash', 'persons', 'fingerprint', 'true'),
  ('contact_proposals', 'code_hash', 'persons', 'fingerprint', 'true'),
  ('activation_codes', 'person', 'ins_hmac', 'fingerprint', 'used_at is null and revoked_at is null'),
  ('care_relations', 'invited', 'ins_hmac', 'fingerprint', 'status = ''pending''')
) as used(by_table, in_column, ring, form, needed);
