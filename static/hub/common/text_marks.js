// Removes WhatsApp's marks from a text of one or more lines, like `as_plain` in chats/inbox/text_formatting.py.

const WITHOUT_MARKS = /(\S*:\/\/\S+|```.+?```|(?<![`\p{L}\p{N}_])`[^`\n]+`(?![`\p{L}\p{N}_]))/su; // links and code
const MARKS = [
  /(?<![*\p{L}\p{N}_])\*(?=[^\s*])([^*\n]*[^\s*])\*(?![*\p{L}\p{N}_])/gu,
  /(?<![_\p{L}\p{N}])_(?=[^\s_])([^_\n]*[^\s_])_(?![_\p{L}\p{N}])/gu,
  /(?<![~\p{L}\p{N}_])~(?=[^\s~])([^~\n]*[^\s~])~(?![~\p{L}\p{N}_])/gu,
];
const MAX_LEVELS = 3; // no mark contains another one of its kind
const QUOTE = /^> *(?=\S)/gmu;
const BACKTICKS = /^`+|`+$/gu;

function removeNested(text) {
  let plain = text;
  for (let level = 0; level < MAX_LEVELS; level += 1) for (const mark of MARKS) plain = plain.replace(mark, "$1");
  return plain;
}

// Returns the text without marks. A text that consists of marks only is returned unchanged.
export function removeMarks(text) {
  const parts = text.replace(QUOTE, "").split(WITHOUT_MARKS); // every second part is a link or code
  const plain = parts.map((part, index) => (index % 2 ? part.replace(BACKTICKS, "") : removeNested(part))).join("");
  return plain.trim() ? plain : text;
}
