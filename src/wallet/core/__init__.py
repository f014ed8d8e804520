"""What every room may use: settings, errors, money, ids, logging, passwords, tokens."""
