-- Nothing asks for due alerts of all channels and kinds any more.
-- squawk-ignore require-concurrent-index-deletion
drop index alerts_due_at_idx;
