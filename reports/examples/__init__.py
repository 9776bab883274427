"""The examples side by side: which rows are shown, and what is marked in them."""
