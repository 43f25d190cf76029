-- The fingerprints of a record's traits are made with that of its INS, under one key.
select watch_keys('record_keys', 'kid', 'kek', 'kid');
select watch_keys('record_fingerprints', 'ins', 'ins_hmac', 'fingerprint');
select watch_keys('records', 'ins', 'ins_hmac', 'fingerprint');
