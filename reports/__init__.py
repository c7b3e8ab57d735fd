"""What a portfolio was worth and what it earned, read from PostgreSQL, reckoned by `analytics`.

Nothing is kept between two questions: late data shows in the next answer.
"""
