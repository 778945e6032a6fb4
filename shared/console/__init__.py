"""What every page of the console shares: session, forms, layout, and how a page is declared."""
