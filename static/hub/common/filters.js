// The filters of a list.

// Returns the names and values of the filters that are set.
export function filtersOf(form) {
  return [...new FormData(form)].filter(([name, value]) => value && !(name === "view" && value === "all"));
}
