"""Bulk jobs: submitting, watching, exporting. What the commands and Python share."""
