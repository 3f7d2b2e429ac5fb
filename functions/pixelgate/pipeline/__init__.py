"""The steps of one comparison, from the upload's event to the published report, given ports."""
