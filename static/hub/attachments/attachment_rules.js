// Which files WhatsApp accepts. A first check: the server looks into the file.

// `limits`: kind → { types, most }, where `most` is in bytes.
export function kindOf(file, limits) {
  const type = file.type.split(";")[0];
  return Object.keys(limits).find((kind) => limits[kind].types.includes(type));
}

// `language`: of the decimal separator.
export function sizeText(bytes, language) {
  if (bytes < 2 ** 20) return `${Math.max(1, Math.round(bytes / 2 ** 10))} KB`;
  return `${(Math.round((10 * bytes) / 2 ** 20) / 10).toLocaleString(language)} MB`;
}

// Returns why the file cannot be sent, or "". `texts`: { emptyFile, wrongType, tooBig }.
export function fileProblem(file, limits, texts, language) {
  const withName = (text) => text.replace("{name}", file.name);
  const kind = kindOf(file, limits);
  if (!file.size) return withName(texts.emptyFile);
  if (file.type && !kind) return withName(texts.wrongType);
  const maxBytes = kind && limits[kind].most;
  if (!maxBytes || file.size <= maxBytes) return "";
  const text = withName(texts.tooBig).replace("{size}", sizeText(file.size, language));
  return text.replace("{most}", sizeText(maxBytes, language));
}
