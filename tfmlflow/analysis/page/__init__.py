"""What pages of HTML have in common: their frame, their look, and the parts that they are made of."""
