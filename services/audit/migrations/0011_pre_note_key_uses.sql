-- Late motives wait for a key that is not here yet, so theirs is not one that could be missed.
select watch_keys('record_keys', 'kid', 'kek', 'kid');
grant update on record_keys to {app};
