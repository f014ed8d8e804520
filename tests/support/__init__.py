"""What tests share: server processes, a client of the API, factories, a cuttable proxy."""
