"""Reading: a person's values as that person, their own copy, or an operator may see them."""
