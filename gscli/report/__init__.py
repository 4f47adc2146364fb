"""Results as JSON documents, tables and pages. Renders; computes nothing."""
