"""How quickly pages are served and how soon they show what has changed: `pages`, `painted` and `tabs`."""
