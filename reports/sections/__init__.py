"""One module for each section of the page: what of the results it shows, as charts, rows and sentences."""
