"""Cells: what defines them (a lattice, a grid file), the grids that hold them, what is drawn from each."""
