"""Result files of other toolkits, read into and written from a store of results."""
