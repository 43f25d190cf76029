-- What a patient may know of goes with the record. The ledger's entries stay: nothing is ever deleted from it.
grant delete on document_visibilities to {app};
