// Returns the messages of an answer, in order: { file, token, text, quoted }. The text is the caption of the first file that can have
// one, otherwise the last message. The first message quotes.
export function splitAnswer({ files, token, quote }, text, canHaveCaption) {
  const hasText = Boolean(text.trim());
  const captioned = hasText ? files.find(canHaveCaption) : undefined;
  const parts = files.map((file) => ({ file, token: file.id, text: file === captioned ? text : "", quoted: "" }));
  if (!files.length || (hasText && !captioned)) parts.push({ file: null, token, text, quoted: "" });
  parts[0].quoted = quote?.id ?? "";
  return parts;
}

// Whether the text is only a shortcut of a canned reply, such as "/pix", from which no reply was chosen.
export const isLoneShortcut = (text) => /^\/\S*$/.test(text.trim());
