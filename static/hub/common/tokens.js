// Returns a random UUID: a form token, with which a repeated request is stored once.
export function createToken() {
  if (crypto.randomUUID) return crypto.randomUUID();
  // Without https there is no randomUUID. Version 4 and the variant are set as RFC 9562, 5.4 has it.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 15) | 64;
  bytes[8] = (bytes[8] & 63) | 128;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
