"""A few plain pages, so that a person with a browser can buy credits before there is a portal."""
