"""What was measured, and how: a script for each file of results/, and the tables and cards made of them."""
