"""What makes a site of this repository's Markdown, and the pages that are generated for it."""
