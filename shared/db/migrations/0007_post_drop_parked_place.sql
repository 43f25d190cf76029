-- The version before this one names this constraint when it parks; the version after it does not.
-- squawk-ignore ban-drop-constraint
alter table parked_messages drop constraint parked_messages_place_key;
-- squawk-ignore require-concurrent-index-deletion
drop index parked_messages_group_name_key_idx;
