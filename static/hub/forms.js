// Forms that came back with mistakes: what is said of a field goes as soon as the field is changed.

const WRONG = ["input-error", "select-error", "textarea-error"];

function forgive({ target }) {
  if (target.getAttribute?.("aria-invalid") !== "true") return;
  target.removeAttribute("aria-invalid");
  target.classList.remove(...WRONG);
  const described = (target.getAttribute("aria-describedby") ?? "").split(" ").filter(Boolean);
  for (const id of described.filter((each) => /[_-]error$/.test(each))) document.getElementById(id)?.remove();
  const left = described.filter((id) => document.getElementById(id));
  if (left.length) target.setAttribute("aria-describedby", left.join(" "));
  else target.removeAttribute("aria-describedby");
}
document.addEventListener("input", forgive);
document.addEventListener("change", forgive);
