"""What lies on the disk, for the page: numbered entries, read by processes of their own. Nothing is changed here."""
