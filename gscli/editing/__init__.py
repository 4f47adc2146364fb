"""What `gscli.edit` is made of: actions and conditions as they are written, and rounds over the rows."""
