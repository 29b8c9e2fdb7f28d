"""Processes that run other people's code: started, asked, bounded, ended whole, and their deaths told in one line."""
