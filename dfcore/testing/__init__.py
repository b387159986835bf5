"""For tests, of dfcore and of plugins: the plugin contract, fixtures, the maker of synthetic media."""
