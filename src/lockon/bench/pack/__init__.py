"""Submissions for evaluation servers: written from a store of results, and checked before they are sent."""
