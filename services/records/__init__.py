"""The service records owns the documents (metadata, labels, encrypted content, life cycle) and decides every read.

It publishes `records.documents.v1` (received, published, refused) and `records.copies.v1` (which version of another
service's state is in force here).
"""
