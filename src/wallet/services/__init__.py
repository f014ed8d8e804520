"""Every rule; SQL, transactions and locks. Knows no GraphQL and no HTTP."""
