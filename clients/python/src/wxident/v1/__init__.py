"""Messages and services of wxident.v1, as script/generate makes them."""
