// Returns the text without case and accents, so that /preco finds /preço.
export const fold = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
