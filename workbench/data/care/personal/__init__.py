"""Find personal data in tables and text: patterns with check digits, and column names in Japanese and English.

In: columns of text. Out: kinds of personal data with counts and a confidence; never a value. ``digits`` proves
numbers (My Number, cards, IBAN), ``patterns`` says how each kind is written, ``names`` what columns are called,
``columns`` weighs the three. Called by :mod:`workbench.data.care.scan` alone.
"""
