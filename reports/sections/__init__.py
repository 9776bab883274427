"""One module for each section of the page, which turns results into charts, rows and sentences."""
