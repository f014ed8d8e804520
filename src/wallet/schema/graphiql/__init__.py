"""GraphiQL with a tour, served by the application itself: no other host is asked for anything."""
