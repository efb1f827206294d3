"""Controlled studies: the same training many times with one thing changed, judged by tracking, told with its spread."""
