// Whether Enter sends. On a touch screen, Enter is the only way to a new line.

const pointer = matchMedia("(any-hover: hover), (any-pointer: fine)"); // a mouse, a touchpad or a pen comes with a keyboard
const HARDWARE_KEYS = ["Tab", "Escape", "ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight", "Control", "Alt", "Meta"];
let hasPressedHardwareKey = false;

// A keyboard without a mouse is recognized by a key that no keyboard on a screen has.
export function noteKey({ isTrusted, key }) {
  if (isTrusted && HARDWARE_KEYS.includes(key)) hasPressedHardwareKey = true;
}

export const hasKeyboard = () => hasPressedHardwareKey || pointer.matches;

// `preference`: "sends", "new_line" or "", which depends on the device.
export function doesEnterSend({ shiftKey, ctrlKey, metaKey }, preference) {
  if (ctrlKey || metaKey) return true;
  return !shiftKey && (preference === "sends" || (preference !== "new_line" && hasKeyboard()));
}
