// Selects that are changed by keys. Each arrow key and each letter changes a closed select, so what it passes on the way must have no
// effect: the choice counts when the focus leaves the select, or at Enter.

const state = { isByKeyboard: false, onChoice: () => {} };
const waiting = new Set();

export const waitingForms = () => [...waiting].map((select) => select.form).filter(Boolean);

// Calls `onChoice` with a select when its choice counts.
export function watchChoices(onChoice) {
  state.onChoice = onChoice;
}

// Returns whether the choice has to wait.
export function mustWait(field) {
  const isWaiting = state.isByKeyboard && field.matches("select[data-commits]");
  if (isWaiting) waiting.add(field);
  else waiting.delete(field);
  return isWaiting;
}

function choose(field) {
  if (waiting.delete(field)) state.onChoice(field);
}

document.addEventListener("pointerdown", () => {
  state.isByKeyboard = false;
});
document.addEventListener(
  "keydown",
  (event) => {
    state.isByKeyboard = true;
    if (event.key !== "Enter" || !waiting.has(event.target)) return;
    event.preventDefault();
    choose(event.target);
  },
  true,
);
document.addEventListener("focusout", ({ target }) => choose(target));
