"""The drills, grouped by what fails. `DRILLS` of `drills.catalogue` lists all of them."""
