"""Sends the files of a hospital to the doors that take them: CDAs, XDM archives, Bundles, mails, HL7 v2 messages."""
