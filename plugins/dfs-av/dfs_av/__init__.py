"""Audio-visual synchronisation: lips against voice."""
