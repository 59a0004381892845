"""Pages that show sentence pairs with their links, in a browser and in notebooks."""
