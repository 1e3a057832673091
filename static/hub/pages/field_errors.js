// Forms with errors: the error of a field disappears when the field is changed.

const ERROR_CLASSES = ["input-error", "select-error", "textarea-error"];

function removeError({ target }) {
  if (target.getAttribute?.("aria-invalid") !== "true") return;
  target.removeAttribute("aria-invalid");
  target.classList.remove(...ERROR_CLASSES);
  const descriptions = (target.getAttribute("aria-describedby") ?? "").split(" ").filter(Boolean);
  for (const id of descriptions.filter((each) => /[_-]error$/.test(each))) document.getElementById(id)?.remove();
  const remaining = descriptions.filter((id) => document.getElementById(id));
  if (remaining.length) target.setAttribute("aria-describedby", remaining.join(" "));
  else target.removeAttribute("aria-describedby");
}

document.addEventListener("input", removeError);
document.addEventListener("change", removeError);
