"""What other DAGs want to know: which hours and days are complete, and which hours were restated."""
