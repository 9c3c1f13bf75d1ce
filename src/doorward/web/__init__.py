"""Floor 5: HTTP. Reads what arrived, asks the gate, says what was decided; decides nothing itself."""
