"""Output Management Component (postkamer): takes assignments, decides per person, follows each to its end."""
