// What idiomorph leaves as it is when a part of the page is fetched again.

const TEXT_INPUTS = "textarea, input:not([type=checkbox], [type=radio], [type=hidden])";

// A field with the focus or with text that was typed into it stays; so does what `data-choice` marks.
function mayMorphNode(node) {
  if (!node.matches) return true;
  if (node.matches("[data-choice]")) return false;
  if (!node.matches(TEXT_INPUTS)) return true;
  return node !== node.ownerDocument.activeElement && node.value === node.defaultValue;
}

// A part of a list that did not change comes without its content.
const isUnchanged = (node) => Boolean(node?.hasAttribute?.("data-unchanged"));

// Attributes that scripts or the browser set, and that the server does not know.
const BROWSER_ATTRIBUTES = {
  open: "details, dialog",
  "aria-current": ".row",
  "data-state": "[data-until], [data-draft-status]",
  class: ".message-target",
  tabindex: "#thread .message, #thread .message *", // without it, the focused message would lose the focus
};

function mayUpdateAttribute(name, node) {
  return !(Object.hasOwn(BROWSER_ATTRIBUTES, name) && node.matches(BROWSER_ATTRIBUTES[name]));
}

export function installMorphGuards({ defaults: { callbacks } }) {
  callbacks.beforeNodeMorphed = (node, newNode) => !isUnchanged(newNode) && mayMorphNode(node);
  callbacks.beforeAttributeUpdated = (name, node) => mayUpdateAttribute(name, node);
}
