// Events of the event stream, from text that arrives in pieces of any length.

export class StreamParser {
  #decoder = new TextDecoder();
  #rest = "";

  // Returns the events that are complete with these bytes.
  add(bytes) {
    const events = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split("\n\n");
    this.#rest = events.pop();
    return events.map(parseEvent);
  }
}

// `revision` is null in a comment and in the event that ends the stream.
function parseEvent(text) {
  const revision = /^data: (\d+)$/m.exec(text)?.[1];
  return { isEnd: /^event: closed$/m.test(text), revision: revision === undefined ? null : Number(revision) };
}
