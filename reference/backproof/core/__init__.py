"""Foundations that every room uses: errors a user can cause, atomic files, digests of source code."""
